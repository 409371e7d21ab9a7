"""What a text promises, as data: clause, purpose, kinds of data, recipients, how long.

A manifest is a list of promises; `documents/<kind>/<version>.toml` is how a shipped one is written. Two manifests tell
what a new version means: whatever it gains is material, whoever wrote it and whatever they call it (PIPL 14: a new
purpose, way or kind needs a new consent).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Manifest = list[dict[str, Any]]
ACCOUNT, FOR_GOOD = "随账号", "长期"
TERM = re.compile(r"(\d+) ?(天|年)")


@dataclass(frozen=True)
class Difference:
    """One thing that a newer manifest says more, or no more."""

    what: str  # data, purpose, recipient, retention
    is_gain: bool
    clause: str
    anchor: str
    text: str
    holders: tuple[str, ...] = ()  # only who has rows of these models is touched; empty: everybody

    def as_change(self) -> dict[str, Any]:
        return {**asdict(self), "holders": list(self.holders)}


@dataclass(frozen=True)
class _Said:
    """A thing that is promised, and where."""

    clause: str
    anchor: str
    holders: tuple[str, ...]
    value: str = ""


def differences(older: Manifest, newer: Manifest) -> list[Difference]:
    """List what the newer manifest gained, then what it dropped."""
    found = [
        *_of("purpose", _purposes(older), _purposes(newer), "用途：{0}"),
        *_of("data", _kinds(older), _kinds(newer), "信息：{0}"),
        *_of("recipient", _recipients(older), _recipients(newer), "接收方：{0}"),
        *_terms(_kinds(older), _kinds(newer)),
    ]
    return sorted(found, key=lambda one: not one.is_gain)


def gains(older: Manifest, newer: Manifest) -> list[Difference]:
    """List what makes a new version material."""
    return [one for one in differences(older, newer) if one.is_gain]


def problems(manifest: Any, *, body: str) -> list[str]:
    """Say in words what is wrong with a manifest that somebody typed."""
    if not isinstance(manifest, list) or not all(isinstance(promise, dict) for promise in manifest):
        return ["承诺清单应当是一个列表，每一条是一个对象"]
    return [problem for number, promise in enumerate(manifest, 1) for problem in _problems(number, promise, body)]


def _problems(number: int, promise: Mapping[str, Any], body: str) -> Iterator[str]:
    for name in ("clause", "anchor", "purpose"):
        if not isinstance(promise.get(name), str) or not promise[name]:
            yield f"第 {number} 条缺少 {name}"
    anchor = promise.get("anchor")
    if isinstance(anchor, str) and anchor and f"{{#{anchor}}}" not in body:
        yield f"第 {number} 条的锚点 {anchor} 不在正文里"
    if not _is_list(promise.get("recipients", []), str):
        yield f"第 {number} 条的 recipients 应当是文字的列表"
    data = promise.get("data", [])
    if not _is_list(data, dict):
        yield f"第 {number} 条的 data 应当是一个列表"
        return
    for one in data:
        if not isinstance(one.get("kind"), str) or not _is_term(one.get("kept")):
            yield f"第 {number} 条的数据要写明 kind，kept 写“{ACCOUNT}”“30 天”“3 年”或“{FOR_GOOD}”"


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _is_term(value: Any) -> bool:
    return value in (ACCOUNT, FOR_GOOD) or (isinstance(value, str) and TERM.fullmatch(value) is not None)


def _holders(promise: Mapping[str, Any]) -> tuple[str, ...]:
    if promise.get("touches") != "holders":
        return ()
    return tuple(one["model"] for one in promise.get("data", []) if "model" in one)


def _said(promise: Mapping[str, Any], value: str = "") -> _Said:
    return _Said(promise["clause"], promise["anchor"], _holders(promise), value)


def _purposes(manifest: Manifest) -> dict[str, _Said]:
    return {f"{promise['purpose']}": _said(promise) for promise in manifest}


def _recipients(manifest: Manifest) -> dict[str, _Said]:
    return {
        f"{name}（{promise['purpose']}）": _said(promise)
        for promise in manifest
        for name in promise.get("recipients", [])
    }


def _kinds(manifest: Manifest) -> dict[str, _Said]:
    return {one["kind"]: _said(promise, one["kept"]) for promise in manifest for one in promise.get("data", [])}


def _of(what: str, older: dict[str, _Said], newer: dict[str, _Said], words: str) -> Iterator[Difference]:
    for name, said in newer.items():
        if name not in older:
            yield Difference(what, True, said.clause, said.anchor, "增加" + words.format(name), said.holders)
    for name, said in older.items():
        if name not in newer:
            yield Difference(what, False, said.clause, said.anchor, "不再有" + words.format(name), said.holders)


def _terms(older: dict[str, _Said], newer: dict[str, _Said]) -> Iterator[Difference]:
    for kind, said in newer.items():
        before = older[kind].value if kind in older else said.value
        if before == said.value:
            continue
        longer = not _is_shorter(said.value, before)
        text = f"“{kind}”的保存期由“{before}”{'延长' if longer else '缩短'}为“{said.value}”"
        yield Difference("retention", longer, said.clause, said.anchor, text, said.holders)


def _is_shorter(new: str, old: str) -> bool:
    """Tell whether a term is shorter for certain; one that cannot be compared counts as longer."""
    if old == FOR_GOOD:
        return True
    new_days, old_days = _days(new), _days(old)
    return new_days is not None and old_days is not None and new_days < old_days


def _days(term: str) -> int | None:
    found = TERM.fullmatch(term)
    return int(found[1]) * (365 if found[2] == "年" else 1) if found else None


def holdings(manifests: Iterable[Manifest]) -> dict[str, tuple[str, str, frozenset[str]]]:
    """Read what manifests promise of each model: clause, term, fields."""
    return {
        one["model"]: (promise["clause"], one["kept"], frozenset(one["fields"]))
        for manifest in manifests
        for promise in manifest
        for one in promise.get("data", [])
        if "model" in one
    }
