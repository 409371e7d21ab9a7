"""Deleting, at the end of their terms, the rows that stayed when their members left."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from time import monotonic
from typing import Any

import pgtrigger
from django.db import connection, transaction
from django.db.models import Count, F, Max, QuerySet, Value

from consent.inventory import Entry, entries
from consent.lookups import Among

AT_ONCE = 2_000
LONGEST_SWEEP = 120  # seconds


def expire_kind(kind: Entry, *, now: datetime, end: float) -> Iterator[Counter[str]]:
    """Delete what has outlived its term of one kind, batch by batch; yield how many rows each was, by label.

    After `end`, a moment of `monotonic`, the next sweep goes on. There is one batch always: the backlog of another
    kind does not keep this one waiting.
    """
    is_over = False
    while not is_over:
        batch = _expire_some(kind, now)
        yield batch
        is_over = batch[kind.label] < AT_ONCE or monotonic() > end


@contextmanager
def briefly() -> Iterator[None]:
    """Open a transaction that gives up after a few seconds of waiting for somebody's lock."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
        yield


def _expire_some(kind: Entry, now: datetime) -> Counter[str]:
    """Delete a batch of one kind, and what hangs on it."""
    guards = _guards()
    ignoring = pgtrigger.ignore(*guards) if guards else nullcontext()  # without a name it would ignore every trigger
    # The inner one, so that what fails is told as it is, not as the end of `ignoring` in a transaction that is spoilt.
    with briefly(), ignoring, transaction.atomic():
        claimed = outlived(kind, now).select_for_update(skip_locked=True, of=("self",))
        pks = list(claimed.values_list("pk", flat=True)[:AT_ONCE])
        return Counter(kind.model._base_manager.filter(pk__in=pks).delete()[1])


def outlived(kind: Entry, now: datetime) -> QuerySet[Any]:
    """Keep the rows whose term is over, the oldest first."""
    if kind.until is None:
        return kind.model._base_manager.none()
    over = dated(kind).filter(**{f"{kind.until.field}__lt": kind.until.ran_out_before(now)})
    return over.order_by(kind.until.field, "pk")


def dated(kind: Entry) -> QuerySet[Any]:
    """Keep the rows that a term counts for: of those with a name only where the declaration says so.

    A row without a name is one whose own key towards its owner is empty. One that is a part of another row, such as a
    payment of its order, goes with that.
    """
    if kind.until is None:
        return kind.model._base_manager.none()
    rows = kind.model._base_manager.all()
    return rows if kind.until.named_too else rows.filter(**{kind.owned_through: None})


def last_ends(*, member_ids: Iterable[int]) -> dict[int, dict[str, datetime]]:
    """Tell until when the last row of each kind stays once each of these members has left, in a single query.

    Of a kind of which a row has not come to the date that its term runs from, nobody knows yet: it is left out.
    """
    known = list(member_ids)
    terms = {kind.label: kind.until_when for kind in entries() if kind.until and not kind.deletes}
    parts = [_latest(kind, Among(known)) for kind in entries() if kind.label in terms]
    told = parts[0].union(*parts[1:], all=True).values_list("of_member", "of_kind", "latest", "begun", "rows")
    ends: dict[int, dict[str, datetime]] = {member_id: {} for member_id in known}
    for member, label, latest, begun, rows in told:
        if begun == rows:
            ends[member][label] = terms[label].ends(latest)
    return ends


def _latest(kind: Entry, ids: Among) -> QuerySet[Any, dict[str, Any]]:
    date, of_member = kind.until_when.field, kind.shown_rows(ids).order_by()
    named = of_member.values(of_member=F(kind.path_to_member_id), of_kind=Value(kind.label))
    return named.annotate(latest=Max(date), begun=Count(date), rows=Count("pk"))


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
