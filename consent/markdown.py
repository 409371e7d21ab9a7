"""Markdown of our own texts to safe HTML: policy documents and lessons."""

import re
from functools import lru_cache
from html import unescape
from typing import NamedTuple

import nh3
from django.utils.html import strip_tags
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

ANCHOR = re.compile(r"\s*\{#([a-zA-Z][\w-]*)\}\s*$")
HEADING = re.compile(r'<h([23]) id="([\w-]+)">(.*?)</h\1>', re.DOTALL)
ATTRIBUTES = {
    **{tag: {"id"} for tag in ("h1", "h2", "h3", "h4", "h5")},
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "th": {"align"},
    "td": {"align"},
    "ol": {"start"},
}


class Heading(NamedTuple):
    """A heading that can be jumped to."""

    level: int
    anchor: str
    text: str


def _anchors(state: StateCore) -> None:
    """Turn `## 标题 {#id}` into a heading with that id."""
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type == "heading_open" and inline.children and (found := ANCHOR.search(inline.content)):
            opening.attrSet("id", found[1])
            inline.children[-1].content = ANCHOR.sub("", inline.children[-1].content)


_parser = MarkdownIt("commonmark", {"html": False}).enable("table")
_parser.core.ruler.push("anchors", _anchors)


@lru_cache(maxsize=32)
def render(text: str) -> str:
    """Return the HTML of a Markdown text; whatever is no plain document markup is dropped."""
    return nh3.clean(_parser.render(text), attributes=ATTRIBUTES, link_rel="noopener")


def contents(html: str) -> list[Heading]:
    """List the headings of the second and third level that carry an anchor."""
    return [Heading(int(level), anchor, unescape(strip_tags(text))) for level, anchor, text in HEADING.findall(html)]
