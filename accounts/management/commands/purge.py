"""`manage.py purge`: carry out what is due now; with `--dry-run`, only say what that would be."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import services
from accounts.models import Closure, PurgePause
from consent import inventory


class Command(BaseCommand):
    help = (
        "删除已到期的注销：与时钟做的同样一轮，最多一分钟，可以与时钟同时运行；说出办完几件、还有几件到期的没有办完。"
        "总开关暂停了删除时，什么也不做。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="演练：照样删除并核查，随后全部回滚，列出各类记录会删除几条；什么都不改变，暂停时也能演练。"
            "只演练数据库里的记录：不碰文件、缓存和支付渠道，也不发消息。有做不完的，说出编号和错误种类，以错误结束。",
        )

    def handle(self, *_: Any, dry_run: bool, **__: Any) -> None:
        if dry_run:
            self._rehearse()
        else:
            self._purge()

    def _purge(self) -> None:
        done = services.purge_due(now=timezone.now())
        self.stdout.write(f"办完了 {done} 件到期的注销，还有 {_left()} 件到期的没有办完")
        if PurgePause.objects.standing().exists():
            self.stdout.write("删除已在后台暂停")

    def _rehearse(self) -> None:
        done = services.rehearse_purge(now=timezone.now())
        self.stdout.write(f"演练了 {done.closures} 件到期的注销，共 {done.rows.total()} 条记录；已全部回滚")
        for entry in inventory.entries():
            if done.rows[entry.label]:
                self.stdout.write(f"{entry.label}\t{entry.name}\t{done.rows[entry.label]}\t{_fate(entry)}")
        if done.failures:
            raise CommandError("\n".join(_failures(done)))


def _left() -> int:
    """Count those whose day has come: being done, blocked, waiting for the outside or for a decision."""
    return Closure.objects.live().filter(due_at__lte=timezone.now()).count()


def _fate(entry: inventory.Entry) -> str:
    return "删除" if entry.deletes else "不再指向任何人" if entry.unlinks else "去名保留"


def _failures(done: services.Rehearsal) -> list[str]:
    numbers = dict(Closure.objects.values_list("pk", "number").filter(pk__in=[pk for pk, _ in done.failures]))
    told = [f"{numbers.get(pk, f'#{pk}')}：{error}" for pk, error in done.failures]
    return [f"{len(told)} 件做不完：", *told]
