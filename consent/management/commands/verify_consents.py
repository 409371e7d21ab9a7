"""`manage.py verify_consents`: read the whole record of consents and name the first link that does not hold."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import services


class Command(BaseCommand):
    help = "核对全部同意记录：每一条的摘要、次序，以及数据库之外记下的摘要；不符时说出是第几条并以错误结束"

    def handle(self, *_: Any, **__: Any) -> None:
        verdict = services.verify()
        if verdict.broken is not None:
            raise CommandError(f"第 {verdict.broken.sequence} 条：{verdict.broken.reason}")
        self.stdout.write(f"{verdict.links} 条相连，末尾摘要 {verdict.head}")
        if verdict.unsealed:
            self.stdout.write(f"另有 {verdict.unsealed} 条刚写入，等待时钟编入")
