"""Passing over what betrays nobody: nearly every row there is.

A sieve goes over thousands of rows as one text, with as little of Python as can be. It may keep too much, which is then
looked at closely, and never too little: whatever a finder finds, its part of the sieve keeps.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from accounts.services.residue.spellings import GAPS, WIDE_GAPS, Addresses, Literals, Numbers, Words
from accounts.services.residue.texts import BETWEEN, unescaped

LONG_WORD = re.compile("[0-9A-Za-z]{8,}")
LAST_OF_UUID = 12
FOREIGN = "\u2e80"  # Chinese begins here
WIDE = re.compile(f"[０-９{WIDE_GAPS}]")
OF_NUMBERS = re.compile(f"[0-9{GAPS}]")
MARKS = bytes(ord("0" if OF_NUMBERS.match(chr(byte)) else " ") for byte in range(128)) + b" " * 128

Keeps = Callable[[str], bool]


class Sieve:
    """Tells which of many texts may betray somebody, or have a name in them if that is asked too."""

    def __init__(self, finders: Iterable[Numbers | Addresses | Words | Literals], names: Literals) -> None:
        self.parts: list[Keeps] = [_part_for(finder) for finder in finders]
        self.named = _part_for(names)

    def keep(self, texts: Sequence[str], *, named: bool) -> list[int]:
        """Return the places of those that have to be looked at closely."""
        parts = [*self.parts, self.named] if named else self.parts
        if not _is_kept(BETWEEN.join(set(texts)), parts):
            return []
        return [place for place, text in enumerate(texts) if _is_kept(text, parts)]


def _is_kept(text: str, parts: list[Keeps]) -> bool:
    readings = [text, unescaped(text)] if "\\" in text else [text]
    return any(part(reading) for reading in readings for part in parts)


def _part_for(finder: Numbers | Addresses | Words | Literals) -> Keeps:
    if isinstance(finder, Literals):
        return _literals(finder)
    if isinstance(finder, Words):
        return _words(finder)
    return _addresses(finder) if isinstance(finder, Addresses) else _numbers(finder)


def _literals(finder: Literals) -> Keeps:
    if not finder.owners:
        return lambda _text: False
    # A letter without capitals is in no text of ASCII, whatever the case.
    are_foreign = all(any(letter >= FOREIGN for letter in literal) for literal in finder.owners)
    return lambda text: not (are_foreign and text.isascii()) and finder.pattern.search(text) is not None


def _words(finder: Words) -> Keeps:
    # With dashes a UUID is several words, of which the last tells enough.
    known = {*finder.owners, *(word[-LAST_OF_UUID:] for word in finder.owners if len(word) == 32)}
    return lambda text: not known.isdisjoint(map(str.lower, LONG_WORD.findall(text)))


def _addresses(finder: Addresses) -> Keeps:
    return lambda text: any(at in text for at in "@＠%") and next(finder(text), None) is not None


def _numbers(finder: Numbers) -> Keeps:
    known = finder.owners.keys()
    shortest = min(map(len, known), default=0)

    def keeps(text: str) -> bool:
        runs = set(_runs(text, shortest)) if known else set()
        if not known.isdisjoint(runs):
            return True
        grouped = [run for run in runs if not (run.isascii() and run.isdigit())]
        return bool(grouped) and next(finder(BETWEEN.join(grouped)), None) is not None

    return keeps


def _runs(text: str, shortest: int) -> Iterator[str]:
    """Find whatever may be a number, however it is grouped; to see that none is takes most texts no expression."""
    narrow = text if text.isascii() else WIDE.sub("-", text)  # every character stays where it was
    marks, sought = narrow.encode("ascii", "replace").translate(MARKS) + b" ", b"0" * shortest
    begin = marks.find(sought)
    while begin >= 0:
        end = marks.index(b" ", begin)
        yield text[begin:end]
        begin = marks.find(sought, end)
