"""`manage.py import_partner_data 名单.csv --partner … --basis … --fields 会议,日期`: take in a partner's list."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import services


class Command(BaseCommand):
    help = "导入合作方依法提供的会员信息：写明合作方、依据和字段，逐一告知会员；不是会员的行不保存。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="UTF-8 的 CSV，第一行是列名，要有“手机号”或“邮箱”")
        parser.add_argument("--partner", default="", help="合作方名称")
        parser.add_argument("--basis", default="", help="对方提供、我们取得的法律依据")
        parser.add_argument("--fields", default="", help="要保存的列，逗号分隔")

    def handle(self, *_: Any, file: Path, partner: str, basis: str, fields: str, **__: Any) -> None:
        chosen = [name.strip() for name in fields.split(",") if name.strip()]
        try:
            with file.open(encoding="utf-8-sig", newline="") as table:
                rows = services.read_table(table)
            done = services.import_records(
                partner=partner.strip(), legal_basis=basis.strip(), fields=chosen, rows=rows, now=timezone.now()
            )
        except (OSError, services.NotImportable) as reason:
            raise CommandError(str(reason)) from reason
        self.stdout.write(f"已保存并告知 {done.members} 位会员；{done.unknown} 行不是会员，没有保存")
