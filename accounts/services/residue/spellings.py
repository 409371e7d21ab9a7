"""Finding known numbers, addresses and tokens in a text, however they are spelled.

Each finder goes over a text once with one fixed expression and looks what it finds up: a thousand members cost what
one does. An alternation of all that is sought would cost more with each of them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from unicodedata import normalize
from urllib.parse import unquote

import phonenumbers

Owners = frozenset[int]
Value = TypeVar("Value", str, int)
Hit = tuple[int, Owners]  # where in the text, and whose it is

WIDE_GAPS = r"\u00a0\u3000（）［］【】．·‐-―−－"
GAPS = rf" \t{WIDE_GAPS}()\[\].-"
GAP = f"[{GAPS}]{{0,3}}"
FEWEST_DIGITS = 7  # of fewer, a group of some other number may happen to consist
RUN = re.compile(rf"[0-9０-９](?:{GAP}[0-9０-９]){{{FEWEST_DIGITS - 1},}}")
GROUP = re.compile("[0-9]+")
MOBILE = re.compile(r"\+861[3-9][0-9]{9}")
AT = re.compile("@|＠|%(?:25)?40")
DOMAIN = re.compile(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")
LOCAL = re.compile("[0-9A-Za-z._+-]*")
QUOTED_LOCAL = re.compile("[0-9A-Za-z._+%-]*")
LONGEST_LOCAL = 200  # of 64 characters some may be quoted
WORD = re.compile(r"[0-9A-Za-z]{8}(?:-[0-9A-Za-z]{4}){3}-[0-9A-Za-z]{12}(?![0-9A-Za-z])|[0-9A-Za-z]{8,}")
# Whose row it is, and not how many there are ("accounts.User": 1) nor which of another kind (支付账号 #7).
OF_MEMBER = re.compile(
    rf"(?:(?<![0-9A-Za-z])(?:user|member)_?{GAP}(?:id|pk)[\"']?{GAP}(?:[:=：＝]|%3D){GAP}[\"'#＃]?"
    rf"|accounts(?:/|%2F)user(?:/|%2F)"
    rf"|(?:(?<![0-9A-Za-z])(?:user|member)|会员|用户){GAP}[#＃]"
    rf"|(?:会员|用户){GAP}(?:编号|号|id){GAP}[:=：＝]?{GAP}[#＃]?)"
    rf"{GAP}([0-9０-９]{{1,19}})(?![0-9０-９])",
    re.IGNORECASE | re.ASCII,
)
NOT_BEFORE, NOT_AFTER = r"(?<![0-9A-Za-z._+-])", r"(?![0-9A-Za-z_-]|\.[0-9A-Za-z])"


def index(pairs: Iterable[tuple[Value, int]]) -> dict[Value, Owners]:
    """Tell of each value whose it is; two may share one."""
    found: dict[Value, Owners] = {}
    alone: dict[int, Owners] = {}
    for value, owner in pairs:
        theirs = alone.setdefault(owner, frozenset({owner}))
        found[value] = found[value] | theirs if value in found else theirs
    return found


class Numbers:
    """Finds telephone numbers: grouped or not, with or without country code, in digits of either width.

    A group is never taken apart: a longer number that contains one of these is another number.
    """

    def __init__(self, numbers: Iterable[tuple[str, int]]) -> None:
        forms = ((form, owner) for number, owner in numbers for form in forms_of(number))
        self.owners = index((form, owner) for form, owner in forms if len(form) >= FEWEST_DIGITS)
        self.longest = max(map(len, self.owners), default=0)

    def __call__(self, text: str) -> Iterator[Hit]:
        for run in RUN.finditer(text) if self.owners else ():
            for owners in self._in(GROUP.findall(normalize("NFKC", run[0]))):
                yield run.start(), owners

    def _in(self, groups: list[str]) -> Iterator[Owners]:
        for first in range(len(groups)):
            said = ""
            for group in groups[first:]:
                said += group
                if len(said) > self.longest:
                    break
                if said in self.owners:
                    yield self.owners[said]


def forms_of(number: str) -> list[str]:
    """List the digits by which a number is dialled: at home, from a distance, from abroad; the first is in them all."""
    if MOBILE.fullmatch(number):  # of a country that has a thousand rules for its numbers, and one for these
        return [number[3:], f"0{number[3:]}", number[1:], f"00{number[1:]}"]
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ["".join(GROUP.findall(number))]
    national = phonenumbers.national_significant_number(parsed)
    abroad = f"{parsed.country_code}{national}"
    return [national, f"0{national}", abroad, f"00{abroad}"]


class Addresses:
    """Finds e-mail addresses, in capitals or quoted as in a link; not those that only end or begin like one."""

    def __init__(self, addresses: Iterable[tuple[str, int]]) -> None:
        self.domains: dict[str, dict[str, Owners]] = {}
        for address, owners in index(addresses).items():
            local, _, domain = address.lower().rpartition("@")
            self.domains.setdefault(domain, {})[local] = owners

    def __call__(self, text: str) -> Iterator[Hit]:
        for at in AT.finditer(text) if self.domains else ():
            domain = DOMAIN.match(text, at.end())
            known = self.domains.get(domain[0].rstrip("-").lower()) if domain else None
            owners = known and known.get(_local_before(text, at.start()))
            if owners:
                yield at.start(), owners


def is_plain(address: str) -> bool:
    """Tell whether an address consists of nothing but what nearly all do, so that its ends can be seen in a text."""
    local, _, domain = address.rpartition("@")
    return bool(LOCAL.fullmatch(local) and DOMAIN.fullmatch(domain))


def _local_before(text: str, end: int) -> str:
    said = _end_of(text[max(0, end - LONGEST_LOCAL) : end], QUOTED_LOCAL)
    return (_end_of(unquote(unquote(said)), LOCAL) if "%" in said else said).lower()


def _end_of(text: str, pattern: "re.Pattern[str]") -> str:
    """Return as much of the end of a text as consists of these characters."""
    backwards = pattern.match(text[::-1])
    return backwards[0][::-1] if backwards else ""


class Words:
    """Finds whole words of letters and digits, such as a token or a page's address; a UUID with or without dashes."""

    def __init__(self, words: Iterable[tuple[str, int]]) -> None:
        self.owners = index((word.replace("-", "").lower(), owner) for word, owner in words)

    def __call__(self, text: str) -> Iterator[Hit]:
        for word in WORD.finditer(text) if self.owners else ():
            owners = self.owners.get(word[0].replace("-", "").lower())
            if owners:
                yield word.start(), owners


def is_word(token: str) -> bool:
    """Tell whether a token can be found as a whole word."""
    return WORD.fullmatch(token) is not None


class Ids:
    """Finds the numbers of members' rows where a text says that they are: of itself 7 is anything."""

    def __init__(self, ids: Iterable[tuple[int, int]]) -> None:
        self.owners = index(ids)

    def __call__(self, text: str) -> Iterator[Hit]:
        for said in OF_MEMBER.finditer(text) if self.owners else ():
            owners = self.owners.get(int(said[1]))
            if owners:
                yield said.start(), owners


class Literals:
    """Finds anything else as it stands, `whole`: not as a part of a longer word.

    One expression in the shape of a tree: at each place of the text as many steps as letters fit.
    """

    def __init__(self, literals: Iterable[tuple[str, int]], *, whole: bool = False) -> None:
        self.owners = index((literal.lower(), owner) for literal, owner in literals)
        self.everybody = frozenset[int]().union(*self.owners.values())
        around = (NOT_BEFORE, NOT_AFTER) if whole else ("", "")
        has_capitals = any(literal != literal.upper() for literal in self.owners)
        self.pattern = re.compile(tree_of(self.owners).join(around), re.IGNORECASE if has_capitals else 0)

    def __call__(self, text: str) -> Iterator[Hit]:
        for found in self.pattern.finditer(text) if self.owners else ():
            yield found.start(), self.owners.get(found[0].lower(), self.everybody)


def tree_of(words: Iterable[str]) -> str:
    """Write one expression for all of these words, each beginning once."""
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for letter in word:
            node = node.setdefault(letter, {})
        node[""] = {}
    return _branches(root)


def _branches(node: dict[str, Any]) -> str:
    stem = ""
    while len(node) == 1 and "" not in node:
        ((letter, node),) = node.items()
        stem += re.escape(letter)
    longer = [re.escape(letter) + _branches(below) for letter, below in sorted(node.items()) if letter]
    if not longer:
        return stem
    return f"{stem}(?:{'|'.join(longer)}){'?' if '' in node else ''}"
