"""Passing over what betrays nobody: nearly every row there is.

A sieve goes over a megabyte of bytes at once, with as little of Python as can be. It may keep too much, which is then
looked at closely, and never too little: whatever a finder finds, its part of the sieve keeps.

It looks for what is sought in a simpler spelling, in bytes brought to the same: capitals made small, full-width digits
narrow, and where contacts are sought all that may stand between their digits left out.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import product
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from urllib.parse import unquote_to_bytes

from ahocorasick_rs import BytesAhoCorasick, Implementation

from accounts.services.residue.identifiers import Identifiers, Pairs
from accounts.services.residue.spellings import FEWEST_DIGITS, Literals, forms_of
from accounts.services.residue.texts import unescaped_bytes

LOWER = bytes.maketrans(ascii_uppercase.encode(), ascii_lowercase.encode())
OF_WORDS = (ascii_letters + digits).encode()
WORDS = bytes(byte if byte in OF_WORDS else ord(" ") for byte in range(256)).translate(LOWER)
TELLING = 10  # so many letters of a token are nobody else's: more would take memory and time
OF_UUID, FIRST_OF_UUID = 32, 8  # letters: with dashes or without, a UUID begins with the same eight
# A number or a plain address is of ASCII: whatever else stands within may be left out.
NOT_OF_CONTACTS = b" \t()[].-" + bytes(range(0x80, 0x100))
# Beside full-width ones, every letter that ignoring case makes one of ASCII; the last is the sign of Kelvin.
NARROW = {**{wide: str(digit) for digit, wide in enumerate("０１２３４５６７８９")}, "＠": "@"}
NARROW |= {"ı": "i", "İ": "i", "ſ": "s", "\u212a": "k"}
NARROW_BYTES = {wide.encode(): narrow.encode() for wide, narrow in NARROW.items()}
# One by one: what begins with a letter of its own is found several times as fast.
WIDE = [re.compile(one) for one in (rb"\xef\xbc[\x90-\x99\xa0]", rb"\xc4[\xb0\xb1]", rb"\xc5\xbf", rb"\xe2\x84\xaa")]
QUOTED = re.compile(rb"%(?:25)?40|%[0-9A-Fa-f]{2}[0-9A-Za-z._+%-]{0,200}+(?:@|\xef\xbc\xa0)")
# What a text that tells the number of a member's row has for a word, or in it if it is Chinese.
PEOPLE = [b" %s%s " % said for said in product((b"user", b"member", b"2fuser"), (b"", b"id", b"pk"))]
CHINESE_PEOPLE = ("会员".encode(), "用户".encode())
OF_MEMBER = re.compile(
    rb"(?:user|member|%s|%s)_?[^0-9a-z]{0,40}(?:(?:id|pk|2f)[^0-9a-z]{0,40}(?:3d[^0-9a-z]{0,40})?)?([0-9]{1,19})"
    % CHINESE_PEOPLE
)


class Reading:
    """One way to read bytes, and simpler spellings of it, each made when somebody first asks."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    @cached_property
    def narrow(self) -> bytes:
        narrow = self.said
        for wide in () if narrow.isascii() else WIDE:
            narrow = wide.sub(lambda found: NARROW_BYTES[found[0]], narrow)
        return narrow

    @cached_property
    def lower(self) -> bytes:
        return self.narrow.translate(LOWER)

    @property
    def gapless(self) -> bytes:
        return self.narrow.translate(LOWER, NOT_OF_CONTACTS)

    @property
    def words(self) -> bytes:
        return b" %s " % self.said.translate(WORDS)


def readings_of(said: bytes) -> Iterator[Reading]:
    """Read bytes as they are, with what JSON has escaped, and with what a link has quoted, once or twice."""
    for reading in (said, unescaped_bytes(said)) if b"\\" in said else (said,):
        yield Reading(reading)
        if QUOTED.search(reading):
            yield Reading(unquote_to_bytes(unquote_to_bytes(reading)))


Keeps = Callable[[Reading], bool]


class Sieve:
    """Tells whether bytes may betray somebody, or have a name in them if that is asked too."""

    def __init__(self, known: Identifiers) -> None:
        self.parts = [_contacts(known), _words(known), _literals(known.literals)]
        self.name = _literals(known.names)

    def keeps(self, said: bytes, *, named: bool = False) -> bool:
        parts = [*self.parts, self.name] if named else self.parts
        return any(part(reading) for reading in readings_of(said) for part in parts)

    def keeps_name(self, said: bytes) -> bool:
        return any(map(self.name, readings_of(said)))


def _contacts(known: Identifiers) -> Keeps:
    """Look for numbers, then for addresses: of what all have a letter in common the library passes over the rest."""
    numbers = _searcher(_shortest(number).encode() for number, _owner in known.numbers)
    addresses = _searcher(to.encode().translate(LOWER, NOT_OF_CONTACTS) for to, _owner in known.addresses)

    def keeps(reading: Reading) -> bool:
        gapless = reading.gapless
        return bool(numbers(gapless) or addresses(gapless))

    return keeps


def _shortest(number: str) -> str:
    """Return what all forms of a number have in them; nothing if none of them is long enough to be found."""
    forms = forms_of(number)
    return forms[0] if max(map(len, forms)) >= FEWEST_DIGITS else ""


def _words(known: Identifiers) -> Keeps:
    """Look for how words begin; those that come before the number of a row are among them, for it costs nothing."""
    beginnings = {f" {_beginning(word)}".encode() for word, _owner in known.words}
    search, ids = _searcher([*beginnings, *PEOPLE]), {pk for pk, _owner in known.ids}

    def keeps(reading: Reading) -> bool:
        found = {which for which, _begin, _end in search(reading.words, overlapping=True)}
        if min(found, default=len(beginnings)) < len(beginnings):
            return True
        tells = found or any(who in reading.said for who in CHINESE_PEOPLE)
        return bool(tells) and any(int(said[1]) in ids for said in OF_MEMBER.finditer(reading.lower))

    return keeps


def _beginning(word: str) -> str:
    letters = word.replace("-", "").lower()
    return letters[: FIRST_OF_UUID if len(letters) == OF_UUID else TELLING]


def _literals(literals: Pairs) -> Keeps:
    """Look for literals as they stand; those with other letters than ASCII's that have capitals only a finder knows."""
    sought = {literal.lower() for literal, _owner in literals}
    odd = {literal for literal in sought if any(map(_has_capitals_of_its_own, literal))}
    plain = {Reading(literal.encode()).lower for literal in sought - odd}
    search, find = _searcher(plain), Literals((literal, 0) for literal in odd)
    # Nearly every name has other letters than ASCII, and nearly every text none.
    are_foreign = not any(map(bytes.isascii, plain))

    def keeps(reading: Reading) -> bool:
        if are_foreign and reading.said.isascii():
            return False
        return bool(plain and search(reading.lower)) or bool(odd and next(find(_text(reading)), None))

    return keeps


def _has_capitals_of_its_own(letter: str) -> bool:
    return not letter.isascii() and letter not in NARROW and letter.lower() != letter.upper()


def _text(reading: Reading) -> str:
    return reading.said.decode(errors="replace")


def _searcher(sought: Iterable[bytes]) -> Callable[..., list[tuple[int, int, int]]]:
    """Look for all of these at once; tell which was found, and where it begins and ends."""
    return BytesAhoCorasick(
        list(filter(None, sought)), implementation=Implementation.ContiguousNFA
    ).find_matches_as_indexes
