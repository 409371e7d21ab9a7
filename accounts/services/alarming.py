"""Telling those who answer for personal data that a promise breaks: of a closure, or of what has outlived its term."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Closure, Erasure, Message, RetentionAlarm
from accounts.services.closing import PROMISE, REMIND_BEFORE, days_left, in_words
from accounts.services.colleagues import colleagues
from accounts.services.messages import notify, send_message
from accounts.services.retention import last_success, time_without_success

MAY_ACT = "accounts.retry_closure"
MAY_SEE_RUNS = "accounts.view_retentionrun"
LEDGER_PATIENCE = timedelta(minutes=10)
AT_ONCE = 100  # lines of one mail

log = structlog.get_logger(__name__)


def alarm_late_closures(*, now: datetime) -> int:
    """Tell everybody who can act, and the log, once of each closure that has two days left or none; return how many."""
    alarmed = 0
    while some := _alarm_some(now):
        alarmed += some
    return alarmed


@transaction.atomic
def _alarm_some(now: datetime) -> int:
    """Alarm over a batch; one that a worker is at this moment has its turn in an hour, if it is still there."""
    late = Closure.objects.live().filter(requested_at__lt=now - PROMISE + REMIND_BEFORE, alarmed_at=None)
    closures = list(late.claimed().order_by("requested_at", "pk")[:AT_ONCE])
    if not closures:
        return 0
    _write(closures, now)
    Closure.objects.filter(pk__in=[closure.pk for closure in closures]).update(alarmed_at=now)
    log.error("closures.late", count=len(closures), closures=[closure.pk for closure in closures])
    return len(closures)


def _write(closures: list[Closure], now: datetime) -> None:
    subject = f"有注销即将违背 {PROMISE.days} 天的承诺"
    _tell_officers(subject, [f"{subject}：", *(_line(closure, now) for closure in closures)], now=now)


def _tell_officers(subject: str, lines: list[str], *, now: datetime) -> None:
    where = settings.SITE_URL + reverse("admin:accounts_closure_changelist")
    _tell_colleagues(MAY_ACT, subject, "\n".join([*lines, where]), now)


def _tell_colleagues(who_may: str, subject: str, text: str, now: datetime) -> None:
    """Mail everybody who may do something about it; who has no address gets an SMS."""
    for person in colleagues(who_may=who_may):
        if person.email:
            headed, mail = f"【{settings.SITE_NAME}】{subject}", Message.Channel.MAIL
            send_message(channel=mail, to=person.email, subject=headed, body=text, member=person, now=now)
        else:
            notify(member=person, subject=subject, text=text, now=now)


def _line(closure: Closure, now: datetime) -> str:
    """Say where a closure stands: nothing in it tells of whom."""
    time = in_words(days_left(closure, now=now))
    parts = [closure.number, closure.get_state_display(), closure.get_step_display(), closure.error, time]
    return "，".join(part for part in parts if part)


@transaction.atomic
def alarm_missed_retention(*, now: datetime) -> bool:
    """Tell the log each time, and once whoever sees the runs, when nothing was deleted as it should be for 26 hours.

    It is told anew only when a run has succeeded in between.
    """
    missed = time_without_success(now=now)
    if missed is None:
        return False
    log.error("retention.missed", hours=int(missed / timedelta(hours=1)))
    last = last_success()
    _, is_news = RetentionAlarm.objects.get_or_create(after_run=last.pk if last else 0, defaults={"at": now})
    if is_news:
        _tell_of_missed(int(missed / timedelta(hours=1)), now)
    return True


def _tell_of_missed(hours: int, now: datetime) -> None:
    subject = "到期的信息没有按时删除"
    where = settings.SITE_URL + reverse("admin:accounts_retentionrun_changelist")
    text = f"{subject}：{hours} 小时没有成功的到期删除。哪一类失败、各有多少逾期，见 {where}"
    _tell_colleagues(MAY_SEE_RUNS, subject, text, now)


def unwritten_for(*, now: datetime) -> timedelta | None:
    """Return for how long something is not in the ledger, when that is longer than ten minutes."""
    late = Erasure.objects.waiting_since(now - LEDGER_PATIENCE).order_by("at").values_list("at", flat=True).first()
    return now - late if late else None


@transaction.atomic
def alarm_unwritten_erasures(*, now: datetime) -> int:
    """Tell the officers, and the log, once of whatever does not get into the ledger; return how much that is.

    A backup that is restored now would bring those members back, and nobody would know.
    """
    late = Erasure.objects.waiting_since(now - LEDGER_PATIENCE).filter(alarmed_at=None).order_by("at", "pk")
    rows = list(late.select_for_update(skip_locked=True))
    if not rows:
        return 0
    minutes = int((now - rows[0].at) / timedelta(minutes=1))
    said = f"{len(rows)} 件注销的结果没有写进删除账本，最早的一件已经 {minutes} 分钟"
    _tell_officers("删除账本写不进去", [f"{said}。请技术人员检查 LEDGER_DIR 能否写入。"], now=now)
    Erasure.objects.filter(pk__in=[row.pk for row in rows]).update(alarmed_at=now)
    log.error("ledger.unwritten", count=len(rows), minutes=minutes)
    return len(rows)
