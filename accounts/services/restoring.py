"""A database that is behind its ledger: closed to members until those who had gone are gone again."""

import time
from datetime import datetime

import structlog
from django.db import Error, transaction

from accounts.models import Closure, Erasure, PurgePause, User
from accounts.services import ledger, purge
from accounts.services.sessions import sign_out_everywhere

LOOKED_AT_EVERY = 60.0  # seconds, in each process
log = structlog.get_logger(__name__)
State = Closure.State


class NotErased(Exception):
    """Somebody who had gone could not be erased again; says how many, and what holds them up."""


class _Guard:
    """What this process knows of the ledger; looked up when it starts and every minute."""

    def __init__(self) -> None:
        self.looked_at: float | None = None
        self.behind = 0

    def look(self) -> int:
        if self.looked_at is None or time.monotonic() - self.looked_at > LOOKED_AT_EVERY:
            self.behind, self.looked_at = self._count(), time.monotonic()
        return self.behind

    def _count(self) -> int:
        try:
            behind = len(ledger.missing())
        except Error:
            return self.behind  # nobody is served without a database anyway
        if behind:
            log.error("ledger.ahead", missing=behind)
        return behind


_guard = _Guard()


def is_behind() -> bool:
    """Tell whether the database has forgotten erasures that the ledger knows."""
    return _guard.look() > 0


def look_again() -> None:
    """Compare anew at the next question."""
    _guard.looked_at = None


def reapply(*, now: datetime) -> int:
    """Erase once more, by the same purge and with the same numbers, everybody whom a restored backup brought back.

    Safe to repeat: what is done already is in the database then.

    :returns: how many erasures the database knows again
    :raises NotErased: when some could not be carried out; the site stays closed
    """
    told = ledger.missing()
    for line in told:
        _bring_back(line, now=now)
    while purge.purge_due(now=now):
        pass
    ledger.write()
    look_again()
    if left := ledger.missing():
        held = Closure.objects.filter(number__in=[line.number for line in left]).values_list("state", "step", "error")
        pause = "；删除已暂停，请先在后台继续" if PurgePause.objects.standing().exists() else ""
        raise NotErased(f"{len(left)} 个账号没有删完：{sorted(set(held))}{pause}")
    return len(told)


@transaction.atomic
def _bring_back(line: ledger.Line, *, now: datetime) -> None:
    """Have a line carried out by the purge; somebody whom the backup does not know needs no more than their row."""
    ledger.forget_messages(line)
    member = User.objects.select_for_update().filter(subject=line.subject).first()
    if member is None:
        Erasure.objects.get_or_create(
            subject=line.subject,
            defaults={
                "sequence": line.sequence,
                "number": line.number,
                "contacts": line.contacts,
                "steps": line.steps,
                "at": line.at,
            },
        )
        return
    closure = Closure.objects.live().filter(member=member).first() or _closed_again(member, line, now=now)
    Closure.objects.filter(pk=closure.pk).update(next_attempt_at=now)


def _closed_again(member: User, line: ledger.Line, *, now: datetime) -> Closure:
    """Close an account that the backup knows from before its member asked."""
    User.objects.filter(pk=member.pk).update(closing_at=now)
    sign_out_everywhere(member=member)
    return Closure.objects.create(member=member, number=line.number, requested_at=now, due_at=now, next_attempt_at=now)
