"""`manage.py publish_documents`: write down the shipped policy texts that the database does not have yet."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from consent import services


class Command(BaseCommand):
    help = "把随代码发布的协议与政策写入数据库；已有的版本不会改动，可以在每次发布时运行"

    def handle(self, *_: Any, **__: Any) -> None:
        for document in services.publish_documents(now=timezone.now()):
            self.stdout.write(f"已公布 {document}，{timezone.localtime(document.effective_at):%Y-%m-%d} 生效")
