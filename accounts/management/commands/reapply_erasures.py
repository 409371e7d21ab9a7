"""`manage.py reapply_erasures`: after a backup was restored, erase once more whom it brought back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import services


class Command(BaseCommand):
    help = "从备份恢复之后：按数据库之外的账本，把已经注销的账号重新删除并核查；在那以前网站不对会员开放"

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            done = services.reapply_erasures(now=timezone.now())
        except services.NotErased as left:
            raise CommandError(f"{left}。网站仍然关闭；处理之后再运行一次") from left
        self.stdout.write(f"重新删除了 {done} 个账号，核查没有遗留" if done else "账本与数据库一致，没有要重新删除的")
