"""Writing down what the ledger does not have yet, and what it has lost."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from time import monotonic

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Closure, Erasure
from accounts.services.ledger import files
from accounts.services.ledger.comparing import compare
from accounts.services.ledger.files import LedgerDamaged
from accounts.services.ledger.line import Key, Line
from accounts.services.ledger.rows import note_lines_of_receipts
from consent.lookups import Among
from consent.turns import turn

TURN = "accounts.ledger"
AT_ONCE = 1000
LONGEST_RUN = 30  # seconds; the next beat goes on
RECEIPT = ("receipt", "signature", "signed_with")
log = structlog.get_logger(__name__)


class LedgerBusy(Exception):
    """Another process is writing into the ledger; try again in a moment."""


class _Seen:
    """How the files looked when this process last knew that they have every row."""

    signature: files.Signature | None = None


def write() -> int:
    """Append to the ledger what it does not have yet or any more, and flush it to the disk; return how many lines.

    :raises LedgerDamaged: when it is not known what it should have; nothing is written then
    """
    with turn(TURN) as is_ours:
        return _write() if is_ours else 0


def _write() -> int:
    """Compare once, then append as long as something waits: what a sweep erases is not to wait for as many beats."""
    if not Erasure.objects.unwritten().exists() and files.signature() == _Seen.signature:
        return 0
    found = compare(now=timezone.now())
    if found.damage:
        raise LedgerDamaged("；".join(found.damage))
    written, last, end = _write_again(found.lost), found.last, monotonic() + LONGEST_RUN
    while monotonic() < end and (pending := _pending()):
        fresh = _write_new(pending, found.places, last)
        written, last = written + fresh, last + fresh
    _Seen.signature = files.signature()
    return written


def _pending() -> list[Erasure]:
    return list(Erasure.objects.unwritten().order_by("pk")[:AT_ONCE])


def _write_again(lost: set[Key]) -> int:
    """Append what the rows say and the files have lost, into the places it had."""
    if not lost:
        return 0
    numbers = {number for _kind, number in lost}
    rows = Erasure.objects.filter(number__among=Among(numbers)).order_by("at", "sequence")
    again = [row for row in rows if (row.kind, row.number) in lost]
    for start in range(0, len(again), AT_ONCE):
        files.append(_lines_of(again[start : start + AT_ONCE]))
    log.warning("ledger.written_again", lines=len(again))
    return len(again)


@transaction.atomic
def _write_new(pending: list[Erasure], places: Mapping[Key, int], last: int) -> int:
    """Append lines; a receipt that is being issued at this moment is waited for, or noted in a line of its own."""
    list(Erasure.objects.select_for_update().filter(pk__among=Among(row.pk for row in pending)).order_by("pk"))
    fresh, placed = [], []
    for row in pending:
        # A line of its own already: the database died after the file was written, or was restored and caught up.
        row.sequence = places.get((row.kind, row.number))
        if row.sequence is None:
            row.sequence = last = last + 1
            fresh.append(row)
        elif row.kind == Erasure.Kind.ERASED:
            placed.append(row.number)
    files.append(_lines_of(fresh))
    Erasure.objects.bulk_update(pending, ["sequence"])
    _note_receipts_since(placed)
    return len(fresh)


def _note_receipts_since(placed: list[str]) -> None:
    """Give the receipts lines of their own that were issued between a line and its place in the database."""
    if not placed:
        return
    told = {line.number for line in files.readable() if line.receipt}
    proven = Closure.objects.filter(number__among=Among(placed), state=Closure.State.DONE)
    numbers = set(proven.values_list("number", flat=True)) - told
    note_lines_of_receipts(sorted(numbers), now=timezone.now())


def _lines_of(rows: list[Erasure]) -> Iterable[Line]:
    """Make lines of rows, with the receipts that are issued by now: a restored backup gives out the same again."""
    proven = Closure.objects.filter(number__among=Among(row.number for row in rows), state=Closure.State.DONE)
    receipts = {receipt.pop("number"): receipt for receipt in proven.values("number", *RECEIPT)}
    for row in rows:
        yield Line(
            sequence=row.sequence or 0,
            kind=row.kind,
            subject=row.subject,
            number=row.number,
            contacts=row.contacts,
            steps=row.steps,
            at=row.at,
            **receipts.get(row.number, {}),
        )


def rebuild(*, now: datetime) -> int:
    """Write the ledger anew from what can still be read and from the rows; return how many lines it has.

    Somebody has to answer for that: what only a lost line knew is not known any more. What the files were stays beside
    them until they would have gone.

    :raises LedgerBusy: while somebody writes into it
    """
    with turn(TURN) as is_ours:
        if not is_ours:
            raise LedgerBusy
        everything = sorted(_everything(now), key=lambda line: (line.at, line.key))
        # Beyond every place that was ever taken: rows whose files are gone keep theirs.
        first = max([_last_place(), *(line.sequence for line in everything)]) + 1
        numbered = [replace(line, sequence=place) for place, line in enumerate(everything, start=first)]
        files.exchange(numbered, now=now)
        _place({line.key: line.sequence for line in numbered})
    log.warning("ledger.rebuilt", lines=len(numbered))
    return len(numbered)


def _everything(now: datetime) -> list[Line]:
    rows = Erasure.objects.filter(at__gte=files.kept_since(now))
    known = {line.key: line for line in files.readable()}
    return list((known | {line.key: line for line in _lines_of(list(rows))}).values())


def _last_place() -> int:
    return Erasure.objects.aggregate(last=Max("sequence"))["last"] or 0


def _place(places: dict[Key, int]) -> None:
    """Give each row the place that its line has now."""
    rows = [row for row in Erasure.objects.all() if (row.kind, row.number) in places]
    for row in rows:
        row.sequence = places[row.kind, row.number]
    Erasure.objects.bulk_update(rows, ["sequence"], batch_size=AT_ONCE)
