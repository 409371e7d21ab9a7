"""Reaching people: a row now, sent by the clock within a second or two."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused
from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django_cryptography.utils.crypto import InvalidToken

from accounts import sms
from accounts.models import Message, User
from accounts.models.message import hash_of_destination
from consent.turns import turn

BATCH = 8
LONGEST_RUN = 10  # seconds: the next beat goes on, with a moment of its own
# As long as a network call may take, several times over: whoever died while sending is taken over after it.
LEASE = timedelta(seconds=30)
BACKOFF = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200)]
DAILY_CAP = {Message.Channel.SMS: 10, Message.Channel.MAIL: 30}
CONTENT = ("to", "subject", "body", "params")
UNREADABLE = (InvalidToken, ValueError)
log = structlog.get_logger(__name__)
REFUSED = (sms.SmsRefused, SMTPRecipientsRefused)


def send_message(
    *,
    channel: str,
    to: str,
    body: str,
    now: datetime,
    subject: str = "",
    member: User | None = None,
    template: str = Message.Template.NOTICE,
    params: dict[str, str] | None = None,
    valid_for: timedelta | None = None,
) -> Message:
    """Write down what somebody must be told; after `valid_for` it is not sent any more.

    `params`: what an SMS provider puts into its template; without it, the subject, which an SMS has for nothing else.
    """
    return Message.objects.create(
        channel=channel,
        to=to,
        to_hash=hash_of_destination(to),
        subject=subject,
        body=body,
        member=member,
        template=template,
        params={"subject": subject[: Message.LONGEST_PARAM]} if params is None else params,
        created_at=now,
        next_attempt_at=now,
        expires_at=now + valid_for if valid_for else None,
    )


def notify(*, member: User, subject: str, text: str, now: datetime) -> Message | None:
    """Tell a member by SMS, or by mail when they have no proven number.

    Who can be reached by neither is told nothing, and neither is who is leaving.
    """
    return None if member.is_closing else tell(member=member, subject=subject, text=text, now=now)


def tell(*, member: User, subject: str, text: str, now: datetime) -> Message | None:
    """Tell a member of the end of their account itself, which they hear of even though they are leaving."""
    if member.phone and member.phone_verified:
        sms = Message.Channel.SMS
        return send_message(channel=sms, to=member.phone, subject=subject, body=text, member=member, now=now)
    if member.email:
        headed = f"【{settings.SITE_NAME}】{subject}"
        mail = Message.Channel.MAIL
        return send_message(channel=mail, to=member.email, subject=headed, body=text, member=member, now=now)
    return None


def capped_until(*, to: str, now: datetime, spared: int = 0, alerts: bool = False) -> datetime | None:
    """Return until when a number or address has been sent enough of what strangers can ask for, or None.

    That are codes and the answers in their place, which all end soon, and nothing that tells a member of something: how
    many are left says nothing of whose contact it is. Alerts are counted by themselves. `spared`: how many more.
    """
    channel = Message.channel_to(to)
    sent = Message.objects.to_destination(to, channel=channel, since=now - timedelta(days=1))
    counted = sent.filter(template=Message.Template.ALERT) if alerts else sent.exclude(expires_at=None)
    most = DAILY_CAP[channel] + spared
    nth_last = counted.order_by("-created_at").values_list("created_at", flat=True)[most - 1 : most]
    return next((at + timedelta(days=1) for at in nth_last), None)


def deliver_due_messages(*, channel: str, now: datetime, is_closed: bool = False) -> int:
    """Send what is due on a channel, batch by batch, and return how many rows were taken up.

    While the site `is_closed` after a restore only staff are written to, so that they can sign in and mend it:
    everybody else would be told of what was undone, or be somebody who had gone.

    One sender a channel: a mail server that hangs keeps one worker waiting, never all of them.
    """
    taken, until = 0, monotonic() + LONGEST_RUN
    with turn(f"accounts.messages.{channel}") as goes_on:
        while goes_on:
            batch = _deliver_batch(channel=channel, now=now, is_closed=is_closed)
            taken += batch
            goes_on = batch == BATCH and monotonic() < until
    return taken


def _deliver_batch(*, channel: str, now: datetime, is_closed: bool) -> int:
    claimed = _claim(channel=channel, now=now, is_closed=is_closed)
    for row, outcome in zip(claimed, _send_side_by_side(claimed, now=now), strict=True):
        _record(row, outcome, now=now)
    return len(claimed)


def drop_outdated_messages(*, now: datetime) -> int:
    """Delete rows that are older than a week, sent or not."""
    return Message.objects.outdated(now).delete()[0]


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt: sent, or the name of what went wrong and whether to try again."""

    error: str = ""
    final: bool = False


EXPIRED = Outcome(error="Expired", final=True)
NOT_READ = Outcome(error="Unreadable")


def _claim(*, channel: str, now: datetime, is_closed: bool) -> list[Message]:
    """Take a batch and push its next attempt behind the lease, so that no lock is held while the network is asked."""
    with transaction.atomic():
        due = Message.objects.due(now).filter(channel=channel).defer(*CONTENT)
        due = due.to_staff_just_now(now) if is_closed else due
        rows = list(due.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        ids = [row.pk for row in rows]
        Message.objects.filter(pk__in=ids).update(next_attempt_at=now + LEASE, attempts=F("attempts") + 1)
    for row in rows:
        row.attempts += 1
        _read(row)
    return rows


def _read(row: Message) -> None:
    """Decrypt a row on its own: one whose key is gone, or that was deleted just now, keeps no other from leaving."""
    try:
        row.refresh_from_db(fields=CONTENT)
    except (*UNREADABLE, Message.DoesNotExist) as problem:
        log.error("message.unreadable", message=row.pk, error=type(problem).__name__)


def _send_side_by_side(rows: list[Message], *, now: datetime) -> Iterable[Outcome]:
    with ThreadPoolExecutor(max_workers=BATCH) as pool:
        return list(pool.map(lambda row: _attempt(row, now=now), rows))


def _attempt(row: Message, *, now: datetime) -> Outcome:
    """Send one message; runs beside others, so it touches no database."""
    if row.expires_at is not None and row.expires_at <= now:
        return EXPIRED
    if row.get_deferred_fields():
        return NOT_READ
    try:
        _transmit(row)
    except REFUSED as refusal:
        return Outcome(error=type(refusal).__name__, final=True)
    except Exception as error:  # whatever a channel throws, the other rows go on
        return Outcome(error=type(error).__name__)
    return Outcome()


def _transmit(row: Message) -> None:
    to, body = row.to or "", row.body or ""  # never empty while a row waits: a constraint says so
    if row.channel == Message.Channel.SMS:
        sms.get_backend().send(sms.Sms(to=to, template=row.template, params=row.params or {}, text=body))
    else:
        EmailMessage(subject=row.subject or "", body=body, to=[to]).send()


@transaction.atomic
def _record(row: Message, outcome: Outcome, *, now: datetime) -> None:
    """Empty a row that is settled, or say when it is tried again."""
    changes: dict[str, Any] = {"error": outcome.error[:80]}
    if not outcome.error:
        changes |= {"sent_at": now, **_emptied()}
    elif outcome.final or row.attempts > len(BACKOFF):
        changes |= {"failed_at": now, **_emptied()}
        _mail_instead(row, now=now)
    else:
        changes |= {"next_attempt_at": now + BACKOFF[row.attempts - 1]}
    Message.objects.filter(pk=row.pk).update(**changes)


def _mail_instead(row: Message, *, now: datetime) -> None:
    """Send by mail, to a member who has an address, what no SMS could bring; a code is asked for again."""
    is_news = row.channel == Message.Channel.SMS and row.template in (Message.Template.ALERT, Message.Template.NOTICE)
    if not is_news or row.member_id is None or row.get_deferred_fields():
        return
    # Who has gone meanwhile, or is going, hears nothing.
    member = User.objects.sealed().filter(pk=row.member_id, closing_at=None).exclude(email=None).first()
    if member is None:
        return
    send_message(
        channel=Message.Channel.MAIL,
        to=member.email or "",
        subject=f"【{settings.SITE_NAME}】{row.get_template_display()}",
        body=row.body or "",
        template=row.template,
        member=member,
        now=now,
    )


def _emptied() -> dict[str, None]:
    return {"to": None, "subject": None, "body": None, "params": None}
