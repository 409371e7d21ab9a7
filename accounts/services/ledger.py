"""The ledger of erasures, outside the database: a restored backup that brings somebody back is noticed and mended.

The database is the truth: an erasure leaves a row in its own transaction, and the clock appends it to the file of its
month, flushed to the disk. The file is only ahead of the database when that was restored from a backup. A line holds a
place, a random number, hashes under a key and the steps that were done; never an identifier. Files and rows go when no
backup is left that could bring anybody back.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Closure, Erasure, Message, User
from accounts.models.message import hash_of_destination
from consent.turns import turn

NAME = "erasures-{month}.log"
AT_ONCE = 1000
SPARE = timedelta(days=31)  # how much longer than its file a row stays, so that no line is ever without its row
NOTED = ("subject", "number", "at")
RECORD = """
    INSERT INTO accounts_erasure (subject, number, contacts, steps, at) SELECT subject, number, contacts, steps, at
    FROM jsonb_to_recordset(%s::jsonb) AS one (subject uuid, number text, contacts jsonb, steps jsonb, at timestamptz)
"""
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Line:
    """One erasure, as the ledger has it."""

    sequence: int
    subject: UUID
    number: str
    contacts: list[str]
    steps: list[str]
    at: datetime

    def written(self) -> str:
        said = {
            "sequence": self.sequence,
            "subject": self.subject.hex,
            "number": self.number,
            "contacts": self.contacts,
            "steps": self.steps,
            "at": self.at.isoformat(),
        }
        return json.dumps(said, separators=(",", ":")) + "\n"

    @classmethod
    def read(cls, text: str) -> "Line | None":
        """Read a line; one that a crash cut off says nothing: its row is written once more."""
        try:
            said = json.loads(text)
            subject, at = UUID(said.pop("subject")), datetime.fromisoformat(said.pop("at"))
            return cls(subject=subject, at=at, **said)
        except (ValueError, TypeError, KeyError):
            return None


def entries(
    closures: Iterable[tuple[Closure, User]], *, contacts: Iterable[tuple[str, int]], now: datetime
) -> list[Erasure]:
    """Put together what is to be noted of members who are erased, and of their numbers and addresses."""
    hashes: dict[int, set[str]] = defaultdict(set)
    for contact, owner in contacts:
        hashes[owner].add(hash_of_destination(contact).hex())
    steps = list(Closure.Step.values)
    return [
        Erasure(subject=member.subject, number=closure.number, contacts=sorted(hashes[member.pk]), steps=steps, at=now)
        for closure, member in closures
    ]


def record(erased: list[Erasure]) -> None:
    """Note them in the transaction that erases, once the scan has found nothing: from here on they are nobody's."""
    noted = ({name: str(getattr(one, name)) for name in NOTED} | _lists_of(one) for one in erased)
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [json.dumps(list(noted))])


def _lists_of(erasure: Erasure) -> dict[str, list[str]]:
    return {"contacts": erasure.contacts, "steps": erasure.steps}


def write() -> int:
    """Append to the ledger what it does not have yet, and flush it to the disk; return how many lines."""
    with turn("accounts.ledger") as is_ours:
        if not is_ours:
            return 0
        pending = list(Erasure.objects.filter(sequence=None).order_by("pk")[:AT_ONCE])
        if not pending:
            return 0
        places = {line.subject: line.sequence for line in lines()}
        last = max([*places.values(), _last_place()])
        fresh = []
        for erasure in pending:
            # A line of its own already: the database died after the file was written, or was restored and caught up.
            place = places.get(erasure.subject)
            if place is None:
                place = last = last + 1
                fresh.append(_line_of(erasure, place))
            erasure.sequence = place
        _append(fresh)
        Erasure.objects.bulk_update(pending, ["sequence"])
        return len(fresh)


def _last_place() -> int:
    return Erasure.objects.exclude(sequence=None).order_by("-sequence").values_list("sequence", flat=True).first() or 0


def _append(fresh: list[Line]) -> None:
    for month, of_month in groupby(fresh, key=lambda line: f"{timezone.localdate(line.at):%Y-%m}"):
        path = Path(settings.LEDGER_DIR) / NAME.format(month=month)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="ascii") as file:
            file.write("" if _ends_whole(path) else "\n")
            file.writelines(line.written() for line in of_month)
            file.flush()
            os.fsync(file.fileno())


def _ends_whole(path: Path) -> bool:
    """Tell whether the last line is whole; after a crash in the middle of one, the next must begin anew."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _line_of(erasure: Erasure, place: int) -> Line:
    return Line(
        sequence=place,
        subject=erasure.subject,
        number=erasure.number,
        contacts=erasure.contacts,
        steps=erasure.steps,
        at=erasure.at,
    )


def lines() -> Iterator[Line]:
    """Read the whole ledger, the oldest month first."""
    for path in _files():
        with path.open(encoding="ascii") as file:
            yield from filter(None, map(Line.read, file))


def _files() -> list[Path]:
    return sorted(Path(settings.LEDGER_DIR).glob(NAME.format(month="*")))


def missing() -> list[Line]:
    """List the erasures that the database does not know: it was restored from a backup older than they are."""
    told = list(lines())
    known = _known(told)
    return [line for line in told if line.subject not in known]


def _known(told: list[Line]) -> set[UUID]:
    if not told:
        return set()
    since = min(line.at for line in told)
    return set(Erasure.objects.filter(at__gte=since).values_list("subject", flat=True))


def forget_outdated(*, now: datetime) -> int:
    """Delete the files, and later the rows, of erasures that no backup could undo any more; return how many rows."""
    for path in _files():
        if path.name < NAME.format(month=f"{timezone.localdate(_horizon(now)):%Y-%m}"):
            path.unlink()
    return outdated(now).delete()[0]


def outdated(now: datetime) -> QuerySet[Erasure]:
    """List the rows that no file and no backup needs any more."""
    return Erasure.objects.filter(at__lt=_horizon(now) - SPARE - SPARE)


def _horizon(now: datetime) -> datetime:
    """Return when the oldest backup was made."""
    return now - timedelta(days=settings.BACKUP_DAYS)


def forget_messages(line: Line) -> int:
    """Delete messages to contacts of somebody erased that were sent before: they belong to nobody's row."""
    hashes = [bytes.fromhex(contact) for contact in line.contacts]
    return Message.objects.filter(to_hash__in=hashes, created_at__lte=line.at).delete()[0]
