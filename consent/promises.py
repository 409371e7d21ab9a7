"""Whether a manifest can be held to: well formed, pointing into its text, and the same as what the tables hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from consent import inventory
from consent.manifest import ACCOUNT, FOR_GOOD, TERM, Manifest


def problems(manifest: Any, *, body: str) -> list[str]:
    """Say in words what is wrong with a manifest that somebody typed."""
    if not isinstance(manifest, list) or not all(isinstance(promise, dict) for promise in manifest):
        return ["承诺清单应当是一个列表，每一条是一个对象"]
    found = [problem for number, promise in enumerate(manifest, 1) for problem in _problems(number, promise, body)]
    return found or list(_repeated(manifest))


def mismatches(manifest: Manifest) -> list[str]:
    """Say in words where what is promised and what the tables hold are not the same."""
    promised = holdings(manifest)
    held = {entry.label: entry for entry in inventory.entries()}
    opened = [one for promise in manifest if not promise.get("not_yet") for one in promise.get("data", [])]
    return [
        *(f"“{one['kind']}”没有写明存在哪张表" for one in opened if "model" not in one),
        *(f"承诺清单没有写“{held[label].name}”（{label}）" for label in sorted(held.keys() - promised.keys())),
        *(f"没有“{label}”这种数据" for label in sorted(promised.keys() - held.keys())),
        *(told for label in sorted(held.keys() & promised.keys()) for told in _unlike(held[label], *promised[label])),
    ]


def _unlike(entry: inventory.Entry, clause: str, kept: str, fields: frozenset[str]) -> Iterator[str]:
    if clause != entry.clause:
        yield f"“{entry.name}”写在{clause}，实际依据是{entry.clause}"
    if kept != (term := _term_of(entry)):
        yield f"“{entry.name}”写着保存“{kept}”，实际是“{term}”"
    own = {f.name for f in entry.model._meta.concrete_fields if not f.primary_key}
    if unsaid := sorted(own - fields):
        yield f"“{entry.name}”没有写 {'、'.join(unsaid)}"
    if made_up := sorted(fields - own):
        yield f"“{entry.name}”没有 {'、'.join(made_up)}"


def _term_of(entry: inventory.Entry) -> str:
    if entry.unlinks:
        return FOR_GOOD
    return str(entry.until) if entry.until else ACCOUNT


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
    labels = {entry.label for entry in inventory.entries()}
    for one in data:
        if not isinstance(one.get("kind"), str) or not _is_term(one.get("kept")):
            yield f"第 {number} 条的数据要写明 kind，kept 写“{ACCOUNT}”“30 天”“3 年”或“{FOR_GOOD}”"
        if not _is_list(one.get("fields", []), str) or ("model" in one) != ("fields" in one):
            yield f"第 {number} 条的数据要同时写 model 和 fields，或者都不写"
        elif "model" in one and (not isinstance(one["model"], str) or one["model"] not in labels):
            yield f"第 {number} 条的 model {one['model']} 不在个人信息清单里"
    if promise.get("touches", "holders") != "holders":
        yield f"第 {number} 条的 touches 只能写 holders，或者不写"


def _repeated(manifest: Manifest) -> Iterator[str]:
    """Refuse what is said twice: of two terms for one kind, nobody could tell which binds."""
    told = {
        "用途": [promise["purpose"] for promise in manifest],
        "信息": [one["kind"] for promise in manifest for one in promise.get("data", [])],
    }
    for what, names in told.items():
        yield from (f"{what}“{name}”写了不止一次" for name, times in Counter(names).items() if times > 1)


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _is_term(value: Any) -> bool:
    return value in (ACCOUNT, FOR_GOOD) or (isinstance(value, str) and TERM.fullmatch(value) is not None)


def holdings(manifest: Manifest) -> dict[str, tuple[str, str, frozenset[str]]]:
    """Read what a manifest promises of each model: clause, term, fields."""
    return {
        one["model"]: (promise["clause"], one["kept"], frozenset(one["fields"]))
        for promise in manifest
        for one in promise.get("data", [])
        if "model" in one
    }
