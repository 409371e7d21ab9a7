"""`manage.py prepare`: a database that is ready for the demo."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "应用迁移并载入演示内容；重复运行不会改变已有的数据"

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_demo", verbosity=0)
