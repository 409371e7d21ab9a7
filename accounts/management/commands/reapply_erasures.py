"""`manage.py reapply_erasures`: after a backup was restored, do again what it has undone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import services


class Command(BaseCommand):
    help = (
        "从备份恢复之后：按数据库之外的账本，把已经注销的账号重新删除并核查，撤回过的重新撤回；在那以前网站不对会员开放"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            done = services.reapply_erasures(now=timezone.now())
        except services.NotErased as left:
            raise CommandError(f"{left}。网站仍然关闭；处理之后再运行一次") from left
        except services.LedgerDamaged as damage:
            raise CommandError(f"删除账本损坏：{damage}。先放回它的副本，或者见 rebuild_ledger --help") from damage
        for said in _said(done) if done.lines else ["账本与数据库一致，没有要重做的"]:
            self.stdout.write(said)


def _said(done: services.Reapplied) -> list[str]:
    """Say what was done, each in a line of its own; and of nobody that they were looked for who was not."""
    told = {
        f"重新删除了 {done.erased} 个账号，又核查了一遍{'' if done.mentioned else '，没有遗留'}": done.erased,
        f"还提到他们的有 {done.mentioned} 处，已有决定的保留，没有的等负责人决定": done.mentioned,
        f"{done.noted} 个账号备份里没有，只补记了删除，没有可核查的": done.noted,
        f"重新撤回了 {done.withdrawn} 件注销": done.withdrawn,
        f"放回了 {done.receipts} 份后来才出的收据": done.receipts,
        f"其余 {done.postponed} 件还能撤回的注销重新有了全部的冷静期，并已通知本人": done.postponed,
    }
    return [said for said, count in told.items() if count]
