"""The files of the ledger: one a month, to which lines are only ever appended."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts.services.ledger.line import Key, Line

NAME = "erasures-{month}.log"
BEGINNING = b'{"sequence":'
PLACE = re.compile(rb'"sequence":(\d+),')

Signature = tuple[tuple[str, int, int], ...]


class LedgerDamaged(Exception):
    """The ledger cannot be trusted; says what is wrong with it, in words for whoever looks after the portal."""


@dataclass
class Contents:
    """What the files say in short: thousands of receipts are not held for a comparison."""

    places: dict[Key, int] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    months: set[str] = field(default_factory=set)
    broken: list[bytes] = field(default_factory=list)
    ends_cut: bool = False

    def note(self, read: "Line | bytes") -> None:
        self.ends_cut = isinstance(read, bytes)
        if isinstance(read, Line):
            self.places[read.key] = read.sequence
            self.taken.add(read.sequence)
        else:
            self.broken.append(read)


def contents() -> Contents:
    """Read all files.

    :raises LedgerDamaged: when one cannot be read
    """
    found = Contents()
    for path in paths():
        found.months.add(path.name)
        for read in _read(path):
            found.note(read)
    return found


def lines() -> Iterator[Line]:
    """Read the whole ledger, the oldest month first; what cannot be read is passed over.

    :raises LedgerDamaged: when a file cannot be read
    """
    return (read for path in paths() for read in _read(path) if isinstance(read, Line))


def readable() -> Iterator[Line]:
    """Read what can be read."""
    for path in paths():
        with suppress(LedgerDamaged):
            yield from (read for read in _read(path) if isinstance(read, Line))


def _read(path: Path) -> Iterator[Line | bytes]:
    try:
        with path.open("rb") as file:
            for text in file:
                if text.strip():
                    yield Line.read(text) or text
    except OSError as error:
        raise LedgerDamaged(f"{path.name} 读不出来（{type(error).__name__}）") from error


def unexplained(found: Contents, taken: set[int], *, is_awaited: bool) -> int:
    """Count the lines that nobody can read and that nothing else stands for; `taken`: the places of what is known.

    Whoever is killed while writing leaves the beginning of a line; its row is written once more, into the same place.
    Until then it ends the ledger, and a row still waits for a place: `is_awaited`.
    """
    followed = found.broken[:-1] if found.ends_cut else found.broken
    last = found.broken[-1:] if found.ends_cut and not is_awaited else []
    bad = [text for text in followed if not (_is_known(text, taken) or _is_beginning(text))]
    return len(bad) + sum(not _is_known(text, taken) for text in last)


def _is_known(text: bytes, taken: set[int]) -> bool:
    place = PLACE.search(text)
    return place is not None and int(place[1]) in taken


def _is_beginning(text: bytes) -> bool:
    """Tell whether a line was cut off before it said its place: if that was lost, there is a gap."""
    said = text.strip()
    return BEGINNING.startswith(said) or (said.startswith(BEGINNING) and said.removeprefix(BEGINNING).isdigit())


def append(fresh: Iterable[Line], *, folder: Path | None = None) -> None:
    """Append lines to the files of their months; when this returns they and the files' names are on the disk."""
    for name, of_month in groupby(fresh, key=lambda line: name_of(line.at)):
        path = (folder or Path(settings.LEDGER_DIR)) / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_new = not path.exists()
        with path.open("ab") as file:
            file.write(b"" if _ends_whole(path) else b"\n")
            file.writelines(line.written() for line in of_month)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Flush a folder: a file that was made, however well it was flushed itself, may else have no name after a crash."""
    for place in (folder, folder.parent):
        opened = os.open(place, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def exchange(everything: Iterable[Line], *, now: datetime) -> None:
    """Put other files in the place of all that are there, once they are on the disk; the former stay beside them."""
    folder = Path(settings.LEDGER_DIR)
    anew = folder / "anew"
    shutil.rmtree(anew, ignore_errors=True)  # of one that was killed
    anew.mkdir(parents=True, mode=0o700)
    append(everything, folder=anew)
    for path in paths():
        path.rename(path.with_suffix(f".{now:%Y%m%d%H%M%S}.damaged"))
    for path in anew.glob(NAME.format(month="*")):
        path.rename(folder / path.name)
    anew.rmdir()
    keep_names(folder)


def _ends_whole(path: Path) -> bool:
    """Tell whether the last line is whole; after a crash in the middle of one, the next must begin anew."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def paths() -> list[Path]:
    return sorted(Path(settings.LEDGER_DIR).glob(NAME.format(month="*")))


def forget_before(moment: datetime) -> None:
    """Delete the files of the months before, those that were set aside included."""
    for path in Path(settings.LEDGER_DIR).glob("erasures-*"):
        if path.is_file() and path.name < name_of(moment):
            path.unlink()


def signature() -> Signature:
    """Say how the files look from outside: while that is the same, so is what they say."""
    found = [(path, path.stat()) for path in paths()]
    return tuple((str(path), seen.st_size, seen.st_mtime_ns) for path, seen in found)


def name_of(moment: datetime) -> str:
    return NAME.format(month=f"{timezone.localdate(moment):%Y-%m}")


def horizon(now: datetime) -> datetime:
    """Return when the oldest backup was made."""
    return now - timedelta(days=settings.BACKUP_DAYS)


def kept_since(now: datetime) -> datetime:
    """Return from when on there are files: the whole month of the oldest backup is kept."""
    return timezone.localtime(horizon(now)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
