"""Rendered text as a tree: blocks within blocks, and at the end of each branch a run of words.

What is read here has passed through `consent.markdown.render`, so its tags and attributes are harmless and balanced;
what is written back is the same tags, with every word escaped again.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from html.parser import HTMLParser
from itertools import takewhile
from typing import NamedTuple, TypeAlias

from consent.markdown import render

WITHIN_WORDS = {"a", "code", "em", "strong"}
WITHOUT_END = {"br", "hr", "img"}
TAG = re.compile(r"<(\w+)")
# A tag, an entity, a word of Latin letters or a number, white space, or one character: Chinese has no other seam.
WORD = re.compile(r"<[^>]*>|&#?\w+;|[a-zA-Z0-9_]+(?:[.@/:-][a-zA-Z0-9_]+)*|\s+|.", re.DOTALL)


class Word(NamedTuple):
    """The smallest thing that can differ: its HTML, and the opening tags that it stands in."""

    html: str
    path: tuple[str, ...] = ()


@dataclass(eq=False)
class Words:
    """Text without a block in it."""

    pieces: list[Word]
    tag: str = ""

    @cached_property
    def text(self) -> str:
        return "".join(piece.html for piece in self.pieces)

    @cached_property
    def html(self) -> str:
        return write(self.pieces)

    @cached_property
    def words(self) -> list[Word]:
        return [Word(word, path) for piece, path in self.pieces for word in WORD.findall(piece)]


@dataclass(eq=False)
class Block:
    """A paragraph, a list, a row, a cell: whatever holds blocks or words."""

    tag: str = ""
    opening: str = ""
    anchor: str = ""
    children: list["Block | Words"] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        return "".join(child.text for child in self.children)

    @property
    def closing(self) -> str:
        return "" if self.tag in WITHOUT_END or not self.tag else f"</{self.tag}>"

    @cached_property
    def html(self) -> str:
        return f"{self.opening}{''.join(child.html for child in self.children)}{self.closing}"


Node: TypeAlias = Block | Words


def read(body: str) -> list[Node]:
    """Return the blocks of a Markdown text."""
    reader = _Reader()
    reader.feed(render(body))
    reader.close()
    return reader.open[0].children


def write(words: list[Word]) -> str:
    """Return the HTML of a run of words; tags stay open from one word to the next as long as both stand in them."""
    html: list[str] = []
    here: tuple[str, ...] = ()
    for word in [*words, Word("")]:
        html += _step(here, word.path)
        html.append(word.html)
        here = word.path
    return "".join(html)


def common_path(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the tags that all of these stand in."""
    shared = takewhile(lambda tags: len(set(tags)) == 1, zip(*paths, strict=False))
    return tuple(tags[0] for tags in shared)


def _step(here: tuple[str, ...], there: tuple[str, ...]) -> list[str]:
    """Return the tags to close and to open on the way from one word to the next."""
    if here == there:
        return []
    kept = len(common_path([here, there]))
    return [*(f"</{TAG.match(tag)[1]}>" for tag in reversed(here[kept:])), *there[kept:]]  # type: ignore[index]


class _Reader(HTMLParser):
    """Builds the tree; an id is kept apart, since two versions of a clause stand on one page."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Block()]
        self.path: tuple[str, ...] = ()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        anchor = said.pop("id", None) or ""
        opening = f"<{' '.join([tag, *map(_attribute, said.items())])}>"
        if tag in ("br", "img"):
            self._say(opening)
        elif tag in WITHIN_WORDS:
            self.path += (opening,)
        else:
            self._begin(Block(tag, opening, anchor))

    def handle_endtag(self, tag: str) -> None:
        if tag in WITHIN_WORDS:
            self.path = self.path[:-1]
        elif len(self.open) > 1:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self._say(escape(data, quote=False))

    def _begin(self, block: Block) -> None:
        self.open[-1].children.append(block)
        if block.tag not in WITHOUT_END:
            self.open.append(block)

    def _say(self, html: str) -> None:
        block = self.open[-1]
        last = block.children[-1] if block.children else None
        if isinstance(last, Words):
            last.pieces.append(Word(html, self.path))
        elif block.tag == "pre" or not html.isspace():
            block.children.append(Words([Word(html, self.path)]))


def _attribute(said: tuple[str, str | None]) -> str:
    return f'{said[0]}="{escape(said[1] or "")}"'
