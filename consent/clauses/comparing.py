"""The clauses of a text, and what became of each between two versions."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from html import unescape
from typing import Literal

from django.utils.html import strip_tags

from consent.clauses.blocks import Block, Node, read
from consent.clauses.marks import Marked, mark

State = Literal["same", "added", "removed", "moved", "reworded"]
# 第一条 · （1） · 一、 · A. · 1. · 1.2
NUMBER = re.compile(
    r"(?:第[〇零一二三四五六七八九十百\d]+[编章节条款]|[（(]\w{1,3}[）)]|[〇零一二三四五六七八九十百]+、"
    r"|[A-Za-z][.．、]|\d+[.．、](?!\d)|\d+(?:\.\d+)+[.．、]?)\s*"
)


@dataclass(eq=False)
class Clause:
    """A heading that can be linked to, and what stands below it up to the next one."""

    anchor: str = ""
    nth: int = 1  # of several clauses with one anchor
    level: int = 0
    title: list[Node] = field(default_factory=list)
    body: list[Node] = field(default_factory=list)
    chapters: tuple[str, ...] = ()  # the headings it stands under

    @cached_property
    def heading(self) -> str:
        return unescape(strip_tags(_html(self.title)))

    @cached_property
    def html(self) -> str:
        return _html(self.body)

    @cached_property
    def text(self) -> tuple[str, str]:
        """What it says, whatever its number."""
        return NUMBER.sub("", _html(self.title), count=1), self.html


@dataclass(frozen=True)
class ComparedClause:
    """What became of one clause. `new_html` of a reworded one marks both what went and what came."""

    state: State
    anchor: str
    heading: str
    level: int
    old_html: str
    new_html: str
    marked_heading: str
    chapters: tuple[str, ...]
    has_moved: bool = False
    old_place: str = ""  # like `place`, when it has moved
    fragment: str = ""  # what its id on the page may be; empty when another clause has it

    @property
    def is_same(self) -> bool:
        return self.state == "same"

    @property
    def place(self) -> str:
        return _place(self)


def split(body: str) -> list[Clause]:
    """Cut a Markdown text at the headings with an anchor; what stands before the first has none."""
    clauses, seen, above = [Clause()], Counter[str](), list[Clause]()
    for block in read(body):
        if not isinstance(block, Block) or not block.anchor:
            clauses[-1].body.append(block)
            continue
        level = int(block.tag[1])
        seen[block.anchor] += 1
        above = [one for one in above if one.level < level]
        chapters = tuple(one.heading for one in above)
        clauses.append(Clause(block.anchor, seen[block.anchor], level, block.children, [], chapters))
        above.append(clauses[-1])
    return clauses if clauses[0].body else clauses[1:]


@lru_cache(maxsize=16)
def compare(old_body: str, new_body: str) -> tuple[ComparedClause, ...]:
    """Tell what became of every clause, in the order of the new text; what was removed stands where it stood."""
    olds, news = split(old_body), split(new_body)
    origins = _origins(olds, news)
    staying = _longest_rising(origins)
    removed = _removed(olds, origins, staying)
    compared = removed.pop(-1, [])
    for place, clause in enumerate(news):
        origin = origins.get(place)
        compared.append(_added(clause) if origin is None else _kept(olds[origin], clause, stays=place in staying))
        if origin is not None and place in staying:
            compared += removed.pop(origin, [])
    return tuple(compared)


def _origins(olds: list[Clause], news: list[Clause]) -> dict[int, int]:
    """Find the old clause that each new one comes from.

    It is the one with the same anchor; unless the text of either stands, word for word, under another anchor that does
    not say what it said before: then the clause went there, and its anchor was given to another.
    """
    origins: dict[int, int] = {}
    ways: list[Callable[[Clause], object]] = [
        lambda clause: (clause.anchor, clause.nth, clause.text),
        lambda clause: clause.text,
        lambda clause: (clause.anchor, clause.nth),
    ]
    for way in ways:
        taken = set(origins.values())
        left = _once(way, {n: clause for n, clause in enumerate(olds) if n not in taken})
        right = _once(way, {n: clause for n, clause in enumerate(news) if n not in origins})
        origins |= {right[known]: left[known] for known in left.keys() & right.keys()}
    return dict(sorted(origins.items()))


def _once(way: Callable[[Clause], object], clauses: dict[int, Clause]) -> dict[object, int]:
    """Return the places of clauses by what they are known by, without what several are known by."""
    known = {n: way(clause) for n, clause in clauses.items()}
    count = Counter(known.values())
    return {by: n for n, by in known.items() if count[by] == 1}


def _longest_rising(origins: dict[int, int]) -> set[int]:
    """Return the most clauses that follow one another as they did before: all the others have moved."""
    ends: list[tuple[int, int]] = []  # where a row of each length ends at the soonest: the origin, the clause
    before: dict[int, int | None] = {}
    for place, origin in origins.items():
        length = bisect_left(ends, (origin, place))
        before[place] = ends[length - 1][1] if length else None
        ends[length : length + 1] = [(origin, place)]
    return set(_row(ends[-1][1] if ends else None, before))


def _row(place: int | None, before: dict[int, int | None]) -> Iterator[int]:
    while place is not None:
        yield place
        place = before[place]


def _removed(olds: list[Clause], origins: dict[int, int], staying: set[int]) -> dict[int, list[ComparedClause]]:
    """Group the removed clauses by the last clause before them that stays; -1 when there is none."""
    kept, landmarks = set(origins.values()), {origins[place] for place in staying}
    removed: dict[int, list[ComparedClause]] = {}
    landmark = -1
    for place, clause in enumerate(olds):
        landmark = place if place in landmarks else landmark
        if place not in kept:
            removed.setdefault(landmark, []).append(_gone(clause))
    return removed


def _added(clause: Clause) -> ComparedClause:
    return _outcome("added", clause, Marked("", clause.html))


def _gone(clause: Clause) -> ComparedClause:
    return _outcome("removed", clause, Marked(clause.html, ""))


def _kept(old: Clause, new: Clause, *, stays: bool) -> ComparedClause:
    if old.text == new.text:
        outcome = _outcome("same", new, Marked(new.html, new.html))
    else:
        outcome = _outcome("reworded", new, mark(old.body, new.body), title=mark(old.title, new.title).new)
    if stays and (old.anchor, old.level) == (new.anchor, new.level):
        return outcome
    state: State = "moved" if outcome.is_same else "reworded"
    return replace(outcome, state=state, has_moved=True, old_place=_place(old))


def _outcome(state: State, clause: Clause, body: Marked, *, title: str = "") -> ComparedClause:
    return ComparedClause(
        state=state,
        anchor=clause.anchor,
        heading=clause.heading,
        level=clause.level,
        old_html=body.old,
        new_html=body.new,
        marked_heading=title or _html(clause.title),
        chapters=clause.chapters,
        fragment=clause.anchor if clause.nth == 1 and state != "removed" else "",
    )


def _place(clause: Clause | ComparedClause) -> str:
    """Return the headings that a clause stands under, and its own."""
    return " › ".join([*clause.chapters, clause.heading])


def _html(blocks: list[Node]) -> str:
    return "".join(block.html for block in blocks)
