"""`manage.py rebuild_ledger`: when a part of the ledger is lost for good, go on with what is left of it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import services


class Command(BaseCommand):
    help = (
        "删除账本损坏、又没有副本时：用读得出来的行和数据库里的记录重写账本，原来的文件改名留在旁边。"
        "只有损坏的行才知道的删除，以后没有人知道了：从备份恢复过数据库的，先想办法找回账本"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--there-is-no-copy", action="store_true", required=True, help="我确认没有别的副本可用")

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            lines = services.rebuild_ledger(now=timezone.now())
        except services.LedgerBusy as busy:
            raise CommandError("账本正在写入，没有重写；请过几秒再运行一次") from busy
        services.look_again()
        self.stdout.write(f"重写了账本，共 {lines} 行；网站一分钟内重新核对")
