"""Going over many texts at once."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from accounts.services.residue.spellings import Hit, Owners

BETWEEN = "\0"  # no text of PostgreSQL's has it, and nothing sought goes across it
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
# The letter after a backslash may be of several bytes.
ESCAPE_IN_BYTES = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|[\xc0-\xff][\x80-\xbf]*|.)", re.DOTALL)


def among(texts: Sequence[str], find: Callable[[str], Iterator[Hit]]) -> Iterator[tuple[int, Owners]]:
    yield from _which(texts, find)
    escaped = [place for place, text in enumerate(texts) if "\\" in text]
    for place, owners in _which([unescaped(texts[place]) for place in escaped], find):
        yield escaped[place], owners


def encoded(texts: Iterable[str]) -> bytes:
    """Write texts as the bytes that a sieve goes over; half a character, as in a file's name, stays what it is."""
    return BETWEEN.join(texts).encode(errors="surrogatepass")


def _which(texts: Sequence[str], find: Callable[[str], Iterator[Hit]]) -> Iterator[tuple[int, Owners]]:
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    for offset, owners in find(BETWEEN.join(texts)):
        yield bisect_right(starts, offset) - 1, owners


def unescaped(text: str) -> str:
    """Read what JSON has escaped; a line's end that it writes as a letter must not look like a part of a word."""
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)


def unescaped_bytes(said: bytes) -> bytes:
    """Read the same in bytes."""
    return ESCAPE_IN_BYTES.sub(
        lambda found: chr(int(found[1], 16)).encode(errors="surrogatepass") if found[1] else b" ", said
    )
