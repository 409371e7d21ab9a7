"""Searching what is stored as files: the name of each, and of those that are text what they say."""

import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from django.conf import settings

from accounts.services.residue.scan import Scan
from accounts.services.residue.spellings import Owners
from accounts.services.residue.texts import BETWEEN
from accounts.services.residue.traces import Traces

NAMES, CONTENTS = "media.name", "media.content"
AT_ONCE = 500  # names
PIECE = 1024 * 1024  # characters
OVERLAP = 512  # longer than anything sought
# What is neither a part of anything sought nor inside of it.
ENDS = '\n\r",;<>，。；'
OF_TEXT = re.compile(
    r"\.(te?xt|jsonl?|ndjson|x?html?|csv|tsv|md|vtt|srt|ass|lrc|xml|svg|log|ini|cfg|toml|ya?ml|ics|vcf|eml|tex|rst|sql)$",
    re.IGNORECASE,
)


def search(traces: Traces, scan: Scan) -> None:
    """Search names and contents under the upload directory; archives by their names only."""
    everything = _walk(Path(settings.MEDIA_ROOT))
    while entries := list(islice(everything, AT_ONCE)):
        scan.files += sum(entry.is_file(follow_symlinks=False) for entry in entries)
        _search_names(entries, traces, scan)
        for entry in entries:
            if OF_TEXT.search(entry.name) and entry.is_file(follow_symlinks=False):
                _search_content(entry, traces, scan)


def _walk(folder: Path | str) -> Iterator["os.DirEntry[str]"]:
    """Go through files and directories one by one; what is deleted meanwhile is not there."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)


def _search_names(entries: list["os.DirEntry[str]"], traces: Traces, scan: Scan) -> None:
    texts = [_readings_of(entry.name) for entry in entries]
    for note, hits in ((scan.note, traces.found_among(texts)), (scan.note_names, traces.names_among(texts))):
        for whose in _by_text(hits).values():
            note(whose, NAMES)


def _by_text(hits: Iterable[tuple[int, Owners]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for i, owners in hits:
        found.setdefault(i, set()).update(owners)
    return found


def _readings_of(name: str) -> str:
    """Write a name with and without its endings: they may look like the end of an address."""
    readings = [name]
    while "." in readings[-1]:
        readings.append(readings[-1].rpartition(".")[0])
    return BETWEEN.join(readings)


def _search_content(entry: "os.DirEntry[str]", traces: Traces, scan: Scan) -> None:
    whose: set[int] = set()
    named: set[int] = set()
    for piece in _pieces(entry.path):
        whose.update(*(owners for _i, owners in traces.found_among([piece])))
        named.update(*(owners for _i, owners in traces.names_among([piece])))
    scan.note(whose, CONTENTS)
    scan.note_names(named, CONTENTS)


def _pieces(path: str) -> Iterator[str]:
    """Read a text bit by bit, so that nothing sought is ever in two bits only."""
    rest = ""
    try:
        with open(path, encoding=_encoding_of(path), errors="replace", newline="") as file:
            while more := file.read(PIECE):
                piece = rest + more
                end = max(piece.rfind(mark) for mark in ENDS) + 1
                yield piece[:end] if len(piece) - end < PIECE else piece
                rest = piece[end:] if len(piece) - end < PIECE else piece[-OVERLAP:]
    except FileNotFoundError:
        return
    yield rest


def _encoding_of(path: str) -> str:
    with open(path, "rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
