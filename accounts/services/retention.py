"""Deleting what has outlived its term, whatever it is, and leaving a record of it.

The inventory says how long rows stay; a few kinds have a term of their own beside it: `kinds` lists both. Each kind is
done for itself, so one that fails holds up no other, and each run says what it did.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from accounts.models import Erasure, Message, RetentionRun, User
from accounts.services import ledger
from accounts.services.devices import drop_ended_sessions
from accounts.services.messages import drop_outdated_messages
from accounts.services.registration import UNPROVEN_KEPT, drop_unproven_members, outdated_sign_ups
from consent.expiry import LONGEST_SWEEP, briefly, dated, expire_kind, outlived
from consent.inventory import Entry, entries
from consent.models import GATE_REMEMBERED, Evidence
from consent.services import drop_outdated_evidence

LONGEST_WITHOUT = timedelta(hours=26)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Kind:
    """Rows that stay for a time: how long and why, how to delete those that have outlived it, how to find them."""

    label: str
    name: str
    clause: str
    term: str
    sweep: Callable[[datetime, float], Iterator[int]]  # until a moment of `monotonic`; at least one batch
    outlived: Callable[[datetime], QuerySet[Any]]
    remaining: Callable[[], QuerySet[Any]]
    date: str  # the field that the term is counted from


def keep_terms(*, now: datetime) -> int:
    """Delete whatever has outlived its term and write down how it went; return how many rows are gone."""
    RetentionRun.objects.outdated(now).delete()
    run = RetentionRun.objects.create(started_at=now)
    end = monotonic() + LONGEST_SWEEP
    for kind in kinds():
        told = _keep(kind, now, end)
        run.kinds.append(told)
        run.failures += bool(told["error"])
        run.save(update_fields=["kinds", "failures"])  # who is killed now has said what is gone
    run.ended_at = timezone.now()
    run.save(update_fields=["ended_at"])
    return run.rows


def _keep(kind: Kind, now: datetime, end: float) -> dict[str, Any]:
    """Do one kind; an error is told by its own kind, for its message may quote a row."""
    told: dict[str, Any] = {"label": kind.label, "rows": 0, "overdue": None, "oldest": None, "error": ""}
    try:
        for gone in kind.sweep(now, end):
            told["rows"] += gone
        with transaction.atomic():
            oldest = kind.remaining().aggregate(oldest=Min(kind.date))["oldest"]
            told |= {"overdue": kind.outlived(now).count(), "oldest": oldest and oldest.isoformat()}
    except Exception as error:
        told["error"] = type(error).__name__
        log.error("retention.failed", **told)
    else:
        log.info("retention.kept", **told)
    return told


def last_success() -> RetentionRun | None:
    return RetentionRun.objects.successful().newest_first().defer("kinds").first()


def time_without_success(*, now: datetime) -> timedelta | None:
    """Return for how long nothing was deleted as it should be, when that is longer than 26 hours.

    A portal that never did it has owed it since its first member came.
    """
    last = last_success()
    since = last.started_at if last else User.objects.aggregate(first=Min("date_joined"))["first"] or now
    return now - since if now - since > LONGEST_WITHOUT else None


def failed_kinds() -> int:
    """Count the kinds that the last run did not get done."""
    return RetentionRun.objects.ended().newest_first().values_list("failures", flat=True).first() or 0


# ── What has a term ──


def kinds() -> list[Kind]:
    """List everything that has a term: what the inventory says, in its order, then the others."""
    return [*(_of_inventory(entry) for entry in entries() if _goes_by_itself(entry)), *OTHERS]


def _goes_by_itself(entry: Entry) -> bool:
    """Tell whether rows of this kind are ever deleted alone: a payment goes with its order."""
    if entry.until is None:
        return False
    return entry.until.named_too or entry.model._meta.get_field(entry.owned_through).null


def _of_inventory(entry: Entry) -> Kind:
    return Kind(
        label=entry.label,
        name=entry.name,
        clause=entry.clause,
        term=str(entry.until),
        sweep=lambda now, end: (batch.total() for batch in expire_kind(entry, now=now, end=end)),
        outlived=lambda now: outlived(entry, now),
        remaining=lambda: dated(entry),
        date=entry.until.field if entry.until else "pk",
    )


def _repeated(drop: Callable[..., int]) -> Callable[[datetime, float], Iterator[int]]:
    """Make a sweep of a service that deletes a batch: again until nothing is left, or the time is over."""

    def sweep(now: datetime, end: float) -> Iterator[int]:
        is_over = False
        while not is_over:
            with briefly():
                gone = drop(now=now)
            yield gone
            is_over = not gone or monotonic() > end

    return sweep


OTHERS = [
    Kind(
        label="accounts.User",
        name="没有完成的注册",
        clause="一1",
        term=f"{UNPROVEN_KEPT.days} 天",
        sweep=_repeated(drop_unproven_members),
        outlived=outdated_sign_ups,
        remaining=lambda: User.objects.unproven(),
        date="date_joined",
    ),
    Kind(
        label="accounts.Message",
        name="发出的邮件与短信",
        clause="一1",
        term=f"{Message.KEPT.days} 天",
        sweep=_repeated(drop_outdated_messages),
        outlived=Message.objects.outdated,
        remaining=lambda: Message.objects.all(),
        date="created_at",
    ),
    Kind(
        label="sessions.Session",
        name="登录状态",
        clause="四8",
        term="到期即删",
        sweep=_repeated(drop_ended_sessions),
        outlived=lambda now: Session.objects.filter(expire_date__lte=now),
        remaining=lambda: Session.objects.all(),
        date="expire_date",
    ),
    Kind(
        label="accounts.Erasure",
        name="删除账本",
        clause="五2",
        term="备份到期以后",
        sweep=_repeated(ledger.forget_outdated),
        outlived=ledger.outdated,
        remaining=lambda: Erasure.objects.all(),
        date="at",
    ),
    Kind(
        label="consent.Evidence",
        name="没有登录时看过提示的佐证",
        clause="前言",
        term=f"{GATE_REMEMBERED.days} 天",
        sweep=_repeated(drop_outdated_evidence),
        outlived=Evidence.objects.outdated,
        remaining=lambda: Evidence.objects.of_visitors(),
        date="acceptance__at",
    ),
]
