"""The ledger and the rows, compared both ways."""

from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Erasure
from accounts.services.ledger import files
from accounts.services.ledger.files import Contents, LedgerDamaged
from accounts.services.ledger.line import Key, Line


@dataclass(frozen=True)
class Rows:
    """What the database says: the place of each row, the file it should be in, and whether one waits for a place."""

    places: dict[Key, int | None]
    kept_in: dict[Key, str]

    @classmethod
    def read(cls) -> "Rows":
        found = list(Erasure.objects.values_list("kind", "number", "sequence", "at"))
        places = {(kind, number): sequence for kind, number, sequence, _at in found}
        return cls(places, {(kind, number): files.name_of(at) for kind, number, _sequence, at in found})

    @property
    def taken(self) -> set[int]:
        return {place for place in self.places.values() if place is not None}

    def unwritten(self) -> bool:
        return None in self.places.values()


@dataclass(frozen=True)
class Comparison:
    """What each side does not know of the other, and what neither explains, in words."""

    missing: set[Key] = field(default_factory=set)  # in the database
    lost: set[Key] = field(default_factory=set)  # in the files
    damage: list[str] = field(default_factory=list)
    places: dict[Key, int] = field(default_factory=dict)
    last: int = 0


def compare(*, now: datetime) -> Comparison:
    """Compare the files and the rows.

    Another process may be writing. Rows that are read after the files know all that those said; for the other way
    the files are read once more when something seems wrong, for then they know all that the rows said.
    """
    try:
        told = files.contents()
        rows = Rows.read()
        found = _compared(told, rows, now)
        if found.lost or found.damage:
            again = _compared(files.contents(), rows, now)
            found = Comparison(found.missing, again.lost, again.damage, again.places, again.last)
    except LedgerDamaged as unreadable:
        return Comparison(damage=[str(unreadable)])
    return found


def _compared(told: Contents, rows: Rows, now: datetime) -> Comparison:
    first = files.name_of(files.kept_since(now))
    kept = {key for key, place in rows.places.items() if place is not None and rows.kept_in[key] >= first}
    return Comparison(
        missing=told.places.keys() - rows.places.keys(),
        lost=kept - told.places.keys(),
        damage=list(_damage(told, rows, {rows.kept_in[key] for key in kept})),
        places=told.places,
        last=max(told.taken | rows.taken, default=0),
    )


def _damage(told: Contents, rows: Rows, months: set[str]) -> list[str]:
    """Say what is wrong that writing anew would only cover up: what a lost line said, the rows may have forgotten."""
    gone, known = sorted(months - told.months), told.taken | rows.taken
    gaps = set(range(min(told.taken, default=0), max(known, default=0) + 1)) - known if told.taken else set()
    broken = files.unexplained(told, known, is_awaited=rows.unwritten())
    return [
        *(f"{name} 不见了" for name in gone),
        *([f"序号缺 {len(gaps)} 个"] if gaps else []),
        *([f"{broken} 行读不出来"] if broken else []),
    ]


def missing(*, now: datetime) -> list[Line]:
    """List what the database does not know: it was restored from a backup that is older.

    :raises LedgerDamaged: when nobody can say what it should know
    """
    found = compare(now=now)
    if found.damage:
        raise LedgerDamaged("；".join(found.damage))
    return [line for line in files.lines() if line.key in found.missing] if found.missing else []
