"""Telling those who answer for personal data that a closure is about to break its promise."""

from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Closure, Message
from accounts.services.closing import PROMISE, REMIND_BEFORE, days_left, in_words
from accounts.services.colleagues import colleagues
from accounts.services.messages import notify, send_message

MAY_ACT = "accounts.retry_closure"
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
    where = settings.SITE_URL + reverse("admin:accounts_closure_changelist")
    text = "\n".join([f"{subject}：", *(_line(closure, now) for closure in closures), where])
    for person in colleagues(who_may=MAY_ACT):
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
