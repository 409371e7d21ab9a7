"""What a text promises, as data: clause, purpose, kinds of data, recipients, how long.

A manifest is a list of promises; `documents/<kind>/<version>.toml` is how a shipped one is written. Two manifests tell
what a new version means: whatever it gains is material, whoever wrote it and whatever they call it (PIPL 14: a new
purpose, way or kind needs a new consent).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

Manifest = list[dict[str, Any]]
ACCOUNT, FOR_GOOD = "随账号", "长期"
TERM = re.compile(r"(\d+) ?(天|年)")


@dataclass(frozen=True)
class Difference:
    """One thing that a newer manifest says more, or no more."""

    what: str  # one of `WORDS`, or retention
    is_gain: bool
    clause: str
    anchor: str
    text: str
    holders: tuple[str, ...] = ()  # only who has rows of these models is touched; empty: everybody

    def as_change(self) -> dict[str, Any]:
        return {**asdict(self), "holders": list(self.holders)}


@dataclass(frozen=True)
class _Said:
    """A thing that is promised, and where; `beside`: it is told by itself only when the other manifest has these."""

    clause: str
    anchor: str
    holders: tuple[str, ...]
    beside: tuple["_Thing", ...] = ()


# What it is, and the words for it: `("use", "订单", "交付课程")`.
_Thing = tuple[str, ...]
# What a gain and a loss of each are called, in the order in which they are told.
WORDS = {
    "purpose": ("增加用途：{0}", "不再有用途：{0}"),
    "open": ("开始提供：{0}", "暂不提供：{0}"),
    "data": ("增加信息：{0}", "不再有信息：{0}"),
    "use": ("“{0}”增加用途：{1}", "“{0}”不再用于：{1}"),
    "field": ("“{0}”增加：{2}", "“{0}”不再有：{2}"),
    "recipient": ("增加接收方：{0}（{1}）", "不再有接收方：{0}（{1}）"),
}


def differences(older: Manifest, newer: Manifest) -> list[Difference]:
    """List what the newer manifest gained, then what it dropped."""
    before, after = _things(older), _things(newer)
    found = [*_missing(after, before, is_gain=True), *_terms(older, newer), *_missing(before, after, is_gain=False)]
    return sorted(found, key=lambda one: not one.is_gain)


def gains(older: Manifest, newer: Manifest) -> list[Difference]:
    """List what makes a new version material."""
    return [one for one in differences(older, newer) if one.is_gain]


def _holders(promise: Mapping[str, Any]) -> tuple[str, ...]:
    if promise.get("touches") != "holders":
        return ()
    return tuple(one["model"] for one in promise.get("data", []) if "model" in one)


def _things(manifest: Manifest) -> dict[_Thing, _Said]:
    """Take a manifest apart into the single things that it promises."""
    return {
        thing: _Said(promise["clause"], promise["anchor"], _holders(promise), beside)
        for promise in manifest
        for thing, beside in _things_of(promise)
    }


def _things_of(promise: Mapping[str, Any]) -> Iterator[tuple[_Thing, tuple[_Thing, ...]]]:
    purpose = promise["purpose"]
    yield ("purpose", purpose), ()
    if not promise.get("not_yet"):
        yield ("open", purpose), (("purpose", purpose),)
    for name in promise.get("recipients", []):
        yield ("recipient", name, purpose), ()
    for one in promise.get("data", []):
        kind = one["kind"]
        yield ("data", kind), ()
        yield ("use", kind, purpose), (("data", kind),)
        if "model" in one:
            yield ("table", kind), ()  # told by nobody; its fields are new only where it was there before
            for name in one["fields"]:
                yield ("field", kind, one["model"], name), (("table", kind),)


def _missing(ours: dict[_Thing, _Said], theirs: dict[_Thing, _Said], *, is_gain: bool) -> Iterator[Difference]:
    """Tell what one manifest has and the other has not; the fields of one kind in one sentence."""
    missing = [(thing, said) for thing, said in ours.items() if thing not in theirs]
    own = [(thing, said) for thing, said in missing if all(one in theirs for one in said.beside)]
    for what, (gain, loss) in WORDS.items():
        of_what = [(thing, said) for thing, said in own if thing[0] == what]
        for words, same in groupby(of_what, key=lambda one: one[0][1:3]):
            told = list(same)
            fields = "、".join(_field_name(*thing[2:]) for thing, _said in told) if what == "field" else ""
            said = told[0][1]
            text = (gain if is_gain else loss).format(*words, *([fields] if fields else []))
            yield Difference(what, is_gain, said.clause, said.anchor, text, said.holders)


def _field_name(label: str, name: str) -> str:
    """Call a field what the portal calls it; one that it does not have any more keeps its own name."""
    try:
        return str(apps.get_model(label)._meta.get_field(name).verbose_name)
    except (LookupError, FieldDoesNotExist, AttributeError):
        return name


def _terms(older: Manifest, newer: Manifest) -> Iterator[Difference]:
    before = {one["kind"]: one["kept"] for promise in older for one in promise.get("data", [])}
    for promise in newer:
        for one in promise.get("data", []):
            kind, kept = one["kind"], one["kept"]
            if kept == (was := before.get(kind, kept)):
                continue
            longer = not _is_shorter(kept, was)
            text = f"“{kind}”的保存期由“{was}”{'延长' if longer else '缩短'}为“{kept}”"
            yield Difference("retention", longer, promise["clause"], promise["anchor"], text, _holders(promise))


def _is_shorter(new: str, old: str) -> bool:
    """Tell whether a term is shorter for certain; one that cannot be compared counts as longer."""
    if old == FOR_GOOD:
        return True
    new_days, old_days = _days(new), _days(old)
    return new_days is not None and old_days is not None and new_days < old_days


def _days(term: str) -> int | None:
    found = TERM.fullmatch(term)
    return int(found[1]) * (365 if found[2] == "年" else 1) if found else None
