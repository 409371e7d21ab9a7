"""What people choose again and again: words of a list, neighbouring keys, birthdays, numbers that say something.

A list of whole passwords is always behind; whoever guesses puts pieces together, and so do we when we refuse.
"""

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

WORDS = Path(__file__).parent / "data" / "favoured_words.txt"
MOST_PIECES = 3
LONGEST = 40  # whoever types more has not taken it from anybody's list

_ROWS = ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "abcdefghijklmnopqrstuvwxyz", "01234567890"]
_COLUMNS = ["1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/"]
_ACROSS = ["".join(_COLUMNS), "".join(column[1:] for column in _COLUMNS), "1qaz0okm9ijn8uhb7ygv6tfc5rdx4esz"]
_WALKS = [walk for line in (*_ROWS, *_ACROSS) for walk in (line, line[::-1])]

_YEAR, _MONTH, _DAY = r"(?:19[3-9]\d|20[0-3]\d)", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_NUMBER = re.compile(
    rf"\d{{1,4}}|{_YEAR}{_MONTH}(?:{_DAY})?|{_MONTH}{_DAY}{_YEAR}|\d\d{_MONTH}{_DAY}"  # few digits, or a day
    r"|(\d{1,4})\1+|1[3-9]\d{9}"  # the same ones over again, or somebody's mobile number
)
_BESIDE = re.compile(r"[\W_]+")


@cache
def pieces() -> frozenset[str]:
    """Collect the words of the list and every walk over the keys, once for each process: some thousands."""
    lines = WORDS.read_text(encoding="utf-8").lower().splitlines()
    listed = {word for line in lines if not line.startswith("#") for word in line.split()}
    walked = {walk[at:end] for walk in _WALKS for at in range(len(walk)) for end in range(at + 3, len(walk) + 1)}
    return frozenset(listed | walked)


def bare(text: str) -> str:
    """Take away capitals and marks: they make nothing harder to guess."""
    return _BESIDE.sub("", text.lower())


def is_favoured(password: str) -> bool:
    """Tell whether a password is put together from up to three pieces that everybody uses."""
    return any(len(text) <= LONGEST and _is_made(text, 0, MOST_PIECES) for text in {password.lower(), bare(password)})


def is_one_of(password: str, names: Collection[str]) -> bool:
    """Tell whether a password is one of these names, with nothing but digits and marks around it."""
    text = bare(password)
    return any(name in text and not text.replace(name, "").strip("0123456789") for name in map(bare, names) if name)


def _is_made(text: str, start: int, most: int) -> bool:
    """Split off a next piece in every way; the rest is to be made of what pieces are left."""
    if start == len(text):
        return True
    ends = range(len(text), start, -1) if most else ()
    return any(_is_piece(text, start, end) and _is_made(text, end, most - 1) for end in ends)


def _is_piece(text: str, start: int, end: int) -> bool:
    piece = text[start:end]
    if piece in pieces():
        return True
    if piece[0].isdigit():
        # Two dates or short numbers in a row would be any number at all.
        beside = text[start - 1 : start] + text[end : end + 1]
        return not any(map(str.isdigit, beside)) and _NUMBER.fullmatch(piece) is not None
    return len(piece) > 1 and piece == piece[0] * len(piece)
