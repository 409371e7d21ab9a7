"""What differs inside a clause, marked with `<del>` and `<ins>`.

Blocks are compared with blocks of their kind, and inside a block words with words: first whole sentences, then phrases,
then single words, so that what is left alone stays in one piece. Whatever is marked lies between two tags of one block:
the result is as valid as what went in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import chain, pairwise, zip_longest
from typing import NamedTuple

from consent.clauses.blocks import Block, Node, Word, Words, common_path, write

SENTENCE_ENDS = frozenset("。！？；\n")
PHRASE_ENDS = SENTENCE_ENDS | frozenset("，、：")
FINER = {SENTENCE_ENDS: PHRASE_ENDS, PHRASE_ENDS: None}
# Longer runs of words are replaced as a whole: comparing takes time with the square of their length.
MOST_COMPARED = 400_000
NEAR = 8  # blocks that are looked through for the new version of one
ALIKE, LEAST_KEPT = 0.25, 0.3  # shares of a text
CONTAINERS = frozenset({"ul", "ol", "table", "thead", "tbody", "blockquote"})


class Marked(NamedTuple):
    """The old text with what went marked; the new text with both marked, what went and what came."""

    old: str
    new: str


class Run(NamedTuple):
    """Words that both have, or that the one has instead of the other's."""

    is_same: bool
    old: list[Word]
    new: list[Word]

    @property
    def size(self) -> int:
        return max(_size(self.old), _size(self.new))


# ── Blocks ──


def mark(olds: list[Node], news: list[Node]) -> Marked:
    """Compare two lists of blocks."""
    same = SequenceMatcher(None, [one.html for one in olds], [one.html for one in news])
    marked = []
    for kind, a, b, c, d in same.get_opcodes():
        if kind == "equal":
            marked += [Marked(one.html, one.html) for one in news[c:d]]
        else:
            marked += [_mark_one(old, new) for old, new in _pairs(olds[a:b], news[c:d])]
    return _join(marked)


def _pairs(olds: list[Node], news: list[Node]) -> Iterator[tuple[Node | None, Node | None]]:
    """Put beside one another, in order, what may be two versions of one block; None beside what stands alone."""
    waiting = list(news)
    for old in olds:
        place = next((n for n, new in enumerate(waiting[:NEAR]) if _fit(old, new)), None)
        if place is None:
            yield old, None
            continue
        yield from ((None, new) for new in waiting[:place])
        yield old, waiting[place]
        del waiting[: place + 1]
    yield from ((None, new) for new in waiting)


def _fit(old: Node, new: Node) -> bool:
    if old.tag != new.tag:
        return False
    if old.tag == "table":
        return _columns(old) == _columns(new)
    known = _known_by(old), _known_by(new)
    return old.tag in CONTAINERS or known[0] == known[1] or _are_alike(*known)


def _known_by(block: Node) -> str:
    """Return what a block is told from its neighbours by: a row by its first cell, anything else by all its words."""
    first = block.children[0].text if isinstance(block, Block) and block.tag == "tr" and block.children else ""
    return first or block.text


def _columns(table: Node) -> int:
    return table.html.partition("</tr>")[0].count("</th>")


def _mark_one(old: Node | None, new: Node | None) -> Marked:
    if new is None or old is None:
        return Marked(_dress(old, "del", "is-gone"), _dress(old, "del", "is-gone") + _dress(new, "ins", "is-new"))
    if isinstance(old, Words) or isinstance(new, Words):
        return mark_words(_words(old), _words(new))
    if old.tag == "tr":
        inner = _join(_mark_one(*cells) for cells in zip_longest(old.children, new.children))
    else:
        inner = mark(old.children, new.children)
    return Marked(f"{old.opening}{inner.old}{old.closing}", f"{new.opening}{inner.new}{new.closing}")


def _dress(block: Node | None, tag: str, name: str = "") -> str:
    """Mark a whole block: all the words in it, each run for itself."""
    if block is None:
        return ""
    if isinstance(block, Words):
        return f"<{tag}>{block.html}</{tag}>"
    opening = f'{block.opening[:-1]} class="{name}">' if name else block.opening
    return f"{opening}{''.join(_dress(child, tag) for child in block.children)}{block.closing}"


def _words(block: Node) -> list[Word]:
    return block.words if isinstance(block, Words) else []


def _join(marked: Iterable[Marked]) -> Marked:
    both = list(marked)
    return Marked("".join(one.old for one in both), "".join(one.new for one in both))


# ── Words ──


def mark_words(old: list[Word], new: list[Word]) -> Marked:
    """Compare two runs of words."""
    runs = _calm(_runs(old, new, SENTENCE_ENDS))
    return Marked(_write(runs, with_new=False), _write(runs, with_new=True))


def _runs(old: list[Word], new: list[Word], ends: frozenset[str] | None) -> Iterator[Run]:
    """Cut both where these ends are and compare the parts; what differs is cut finer and compared again."""
    olds, news = _cut(old, ends), _cut(new, ends)
    for kind, a, b, c, d in SequenceMatcher(None, olds, news).get_opcodes():
        left, right = list(chain(*olds[a:b])), list(chain(*news[c:d]))
        if kind == "replace" and ends and _is_worth_it(left, right):
            yield from _finer(left, right, FINER[ends])
        else:
            yield Run(kind == "equal", left, right)


def _finer(old: list[Word], new: list[Word], ends: frozenset[str] | None) -> list[Run]:
    """Compare more finely, unless so little stays that reading the old and then the new is easier."""
    runs = _calm(_runs(old, new, ends))
    kept = sum(run.size for run in runs if run.is_same)
    return runs if kept >= LEAST_KEPT * max(_size(old), _size(new)) else [Run(False, old, new)]


def _cut(words: list[Word], ends: frozenset[str] | None) -> list[tuple[Word, ...]]:
    if ends is None:
        return [(word,) for word in words]
    parts: list[list[Word]] = [[]]
    for word in words:
        parts[-1].append(word)
        if word.html in ends:
            parts.append([])
    return [tuple(part) for part in parts if part]


def _is_worth_it(old: list[Word], new: list[Word]) -> bool:
    return len(old) * len(new) <= MOST_COMPARED and _are_alike(_text(old), _text(new))


def _calm(runs: Iterable[Run]) -> list[Run]:
    """Let changes that stand close together be one: a crumb between two marks is harder to read than a longer mark."""
    calm: list[Run] = []
    for run in runs:
        calm.append(run)
        if len(calm) > 1 and calm[-2].is_same == run.is_same:
            calm[-2:] = [_merge(calm[-2:], is_same=run.is_same)]
        if len(calm) > 2 and not run.is_same and _is_crumb(*calm[-3:]):
            calm[-3:] = [_merge(calm[-3:], is_same=False)]
    return calm


def _is_crumb(before: Run, between: Run, after: Run) -> bool:
    if between.size == 0 and any(word.html in PHRASE_ENDS for word in between.old):
        return False  # a comma is a seam
    return between.size <= 2 or between.size < min(before.size, after.size, 6)


def _merge(runs: list[Run], *, is_same: bool) -> Run:
    return Run(is_same, [word for run in runs for word in run.old], [word for run in runs for word in run.new])


def _write(runs: list[Run], *, with_new: bool) -> str:
    """Write the words with their marks; a mark stands inside the tags that all its words share, around the others."""
    words: list[Word] = []
    for run in runs:
        if run.is_same:
            words += run.new
            continue
        words += _marked(run.old, "del")
        words += _marked(run.new, "ins") if with_new else []
    return write(words)


def _marked(words: list[Word], tag: str) -> list[Word]:
    """Fold words that were changed into one word that carries the mark."""
    if not words:
        return []
    shared = common_path([word.path for word in words])
    inner = write([Word(word.html, word.path[len(shared) :]) for word in words])
    return [Word(f"<{tag}>{inner}</{tag}>", shared)]


def _text(words: list[Word]) -> str:
    return "".join(word.html for word in words)


def _size(words: list[Word]) -> int:
    """Count the letters and digits: punctuation and white space hold nothing together."""
    return sum(character.isalnum() for word in words for character in word.html)


def _are_alike(old: str, new: str) -> bool:
    """Tell whether two texts share enough pairs of neighbouring characters to be versions of one another."""
    olds, news = (Counter(pairwise(text)) for text in (old, new))
    shared = (olds & news).total()
    return shared > 0 and (
        2 * shared >= ALIKE * (olds.total() + news.total()) or 2 * shared >= min(olds.total(), news.total())
    )
