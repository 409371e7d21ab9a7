"""Finding words in titles, and showing where they were found."""

import unicodedata

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

LONGEST = 60


def key(text: str) -> str:
    """Bring a text to the form in which titles are compared: full width, case and ligatures make no difference."""
    return unicodedata.normalize("NFKC", text).lower()


def words(typed: str) -> list[str]:
    """Split what somebody typed; PostgreSQL cannot look for a NUL, nobody looks for more than a line."""
    return key(typed[:LONGEST].replace("\0", "")).split()


def highlight(title: str, wanted: list[str]) -> SafeString:
    """Wrap each found word in <mark>; the title keeps its own letters."""
    if not wanted:
        return escape(title)
    folded, origin = "", []
    for index, letter in enumerate(title):
        for part in key(letter):
            folded += part
            origin.append(index)
    marked = set()
    for word in wanted:
        start = folded.find(word)
        while start >= 0:
            marked.update(origin[start : start + len(word)])
            start = folded.find(word, start + len(word))
    return _join(title, marked)


def _join(title: str, marked: set[int]) -> SafeString:
    out, inside = [], False
    for index, letter in enumerate(title):
        if (index in marked) is not inside:
            out.append("</mark>" if inside else "<mark>")
            inside = not inside
        out.append(escape(letter))
    return mark_safe("".join(out) + ("</mark>" if inside else ""))  # noqa: S308 - every letter was escaped
