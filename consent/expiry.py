"""Deleting, at the end of their terms, the rows that stayed when their members left."""

from collections import Counter
from contextlib import nullcontext
from datetime import datetime
from time import monotonic
from typing import Any

import pgtrigger
from django.db import transaction
from django.db.models import QuerySet

from consent.inventory import Entry, entries

AT_ONCE = 2_000
LONGEST_SWEEP = 120  # seconds


def expire(*, now: datetime) -> Counter[str]:
    """Delete what has outlived its term; return how many rows went, by label.

    A sweep ends after two minutes whatever is left: the next one goes on.
    """
    gone: Counter[str] = Counter()
    end = monotonic() + LONGEST_SWEEP
    for kind in entries():
        while monotonic() < end:
            batch = _expire_some(kind, now)
            gone.update(batch)
            if batch[kind.label] < AT_ONCE:
                break
    return gone


@transaction.atomic
def _expire_some(kind: Entry, now: datetime) -> Counter[str]:
    """Delete a batch of one kind, and what hangs on it."""
    guards = _guards()
    with pgtrigger.ignore(*guards) if guards else nullcontext():  # without a name it would ignore every trigger
        claimed = outlived(kind, now).select_for_update(skip_locked=True, of=("self",))
        pks = list(claimed.values_list("pk", flat=True)[:AT_ONCE])
        return Counter(kind.model._base_manager.filter(pk__in=pks).delete()[1])


def outlived(kind: Entry, now: datetime) -> QuerySet[Any]:
    """Keep the rows whose term is over; of those with a name only where the declaration says so.

    A row without a name is one whose own key towards its owner is empty. One that is a part of another row, such as a
    payment of its order, goes with that.
    """
    if kind.until is None:
        return kind.model._base_manager.none()
    over = kind.model._base_manager.filter(**{f"{kind.until.field}__lt": kind.until.ran_out_before(now)})
    free = over if kind.until.named_too else over.filter(**{kind.owned_through: None})
    return free.order_by(kind.until.field, "pk")


def _guards() -> list[str]:
    """Name the triggers that keep rows with a term from being deleted before its end."""
    with_a_term = {kind.model for kind in entries() if kind.until}
    return [
        trigger.get_uri(model)
        for model, trigger in pgtrigger.registered()
        if model in with_a_term and isinstance(trigger, pgtrigger.Protect) and _concerns_deleting(trigger)
    ]


def _concerns_deleting(trigger: pgtrigger.Trigger) -> bool:
    return trigger.operation is not None and pgtrigger.Delete in trigger.operation
