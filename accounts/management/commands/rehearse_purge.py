"""`manage.py rehearse_purge`: say what the purge would do now, by doing it and undoing it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import services
from accounts.models import Closure
from consent import inventory


class Command(BaseCommand):
    help = (
        "演练删除：对已到期的注销照样删除并核查，随后全部回滚，列出各类记录会删除几条；什么都不改变。"
        "只演练数据库里的记录：不碰文件、缓存和支付渠道，也不发消息。有做不完的，说出编号和错误种类，以错误结束。"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        done = services.rehearse_purge(now=timezone.now())
        self.stdout.write(f"演练了 {done.closures} 件到期的注销，共 {done.rows.total()} 条记录；已全部回滚")
        for entry in inventory.entries():
            if done.rows[entry.label]:
                self.stdout.write(f"{entry.label}\t{entry.name}\t{done.rows[entry.label]}\t{_fate(entry)}")
        if done.failures:
            raise CommandError("\n".join(_failures(done)))


def _fate(entry: inventory.Entry) -> str:
    return "删除" if entry.deletes else "不再指向任何人" if entry.unlinks else "去名保留"


def _failures(done: services.Rehearsal) -> list[str]:
    numbers = dict(Closure.objects.values_list("pk", "number").filter(pk__in=[pk for pk, _ in done.failures]))
    told = [f"{numbers.get(pk, f'#{pk}')}：{error}" for pk, error in done.failures]
    return [f"{len(told)} 件做不完：", *told]
