"""The inventory: what each model holds about a person, why, how long, and what closing the account does to it.

A model of ours says it beside its `Meta`: `PersonalData = None`, or

    class PersonalData:
        clause = "二1(2)C"              # where the policy promises it
        purpose = "课程购买"             # shown to the member
        owner = "member"                # path from a row to its member; "pk" on the member itself
        on_close = DELETE               # or {field: value}: what the fields that go are set to
        kept = {"number", "total_fen"}  # with a dict only: what stays, because it names nobody
        until = after("completed_at", years=3)
        because = "电子商务法 第三十一条"
        actors = {"decided_by"}         # people of the staff who acted; emptied when they leave

Models of other packages are declared with `declare`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import Count, Func, QuerySet, Value

DELETE = "delete"


@dataclass(frozen=True)
class Term:
    """How long a row without a name stays, counted from one of its own dates."""

    field: str
    years: int = 0
    days: int = 0

    def __str__(self) -> str:
        return f"{self.years} 年" if self.years else f"{self.days} 天"


def after(field: str, *, years: int = 0, days: int = 0) -> Term:
    return Term(field, years=years, days=days)


class new_reference(Func):  # noqa: N801 - reads as a value in a declaration
    """A random reference in place of the member, another one for each row."""

    function = "gen_random_uuid"
    output_field = models.UUIDField()


@dataclass(frozen=True)
class Entry:
    """One model's declaration, ready to be counted and erased."""

    model: type[models.Model]
    clause: str
    purpose: str
    owner: str
    on_close: str | Mapping[str, Any]
    kept: frozenset[str] = frozenset()
    until: Term | None = None
    because: str = ""
    actors: frozenset[str] = field(default_factory=frozenset)

    @property
    def deletes(self) -> bool:
        return self.on_close == DELETE

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name)

    def rows(self, member_ids: Iterable[int]) -> QuerySet[Any]:
        return self.model._base_manager.filter(**{f"{self.owner}__in": list(member_ids)})


_foreign: dict[str, type] = {}


def declare(label: str, personal_data: type | None) -> None:
    """Say for another package's model what a model of ours says beside its Meta."""
    _foreign[label] = personal_data  # type: ignore[assignment]
    entries.cache_clear()


def is_declared(model: type[models.Model]) -> bool:
    return model._meta.label in _foreign or "PersonalData" in vars(model)


def declaration(model: type[models.Model]) -> type | None:
    return _foreign.get(model._meta.label, vars(model).get("PersonalData"))


def _entry(model: type[models.Model], said: Any) -> Entry:
    return Entry(
        model=model,
        clause=said.clause,
        purpose=said.purpose,
        owner=said.owner,
        on_close=said.on_close,
        kept=frozenset(getattr(said, "kept", ())),
        until=getattr(said, "until", None),
        because=getattr(said, "because", ""),
        actors=frozenset(getattr(said, "actors", ())),
    )


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """List every declared model that holds something about a person, rows that point before rows pointed at."""
    found = {m: _entry(m, said) for m in apps.get_models() if (said := declaration(m)) is not None}
    order: TopologicalSorter[type[models.Model]] = TopologicalSorter()
    for model in found:
        order.add(model)
        for f in model._meta.fields:
            if f.remote_field and f.related_model in found and f.related_model is not model:
                order.add(f.related_model, model)
    return tuple(found[model] for model in order.static_order())


def counts(*, member_id: int) -> list[tuple[Entry, int]]:
    """Count one member's rows of every kind, in a single query."""
    by_label = {entry.label: entry for entry in entries()}
    parts = [
        entry.rows([member_id]).order_by().annotate(kind=Value(label)).values("kind").annotate(n=Count("pk"))
        for label, entry in by_label.items()
    ]
    return [(by_label[row["kind"]], row["n"]) for row in parts[0].union(*parts[1:], all=True)]


@transaction.atomic
def erase(*, member_ids: Iterable[int]) -> Counter[str]:
    """Carry out every declaration for these members, one statement a model; return how many rows each touched.

    Files are not rows: whoever calls has removed them before.
    """
    ids = list(member_ids)
    tally: Counter[str] = Counter()
    for entry in entries():
        for actor in sorted(entry.actors):
            entry.model._base_manager.filter(**{f"{actor}__in": ids}).update(**{actor: None})
        tally[entry.label] += _erase_entry(entry, ids)
    return tally


def _erase_entry(entry: Entry, ids: list[int]) -> int:
    rows = entry.rows(ids)
    if isinstance(entry.on_close, Mapping):
        return rows.update(**{name: _value(value) for name, value in entry.on_close.items()})
    for m2m in entry.model._meta.many_to_many:
        through = m2m.remote_field.through  # type: ignore[attr-defined]
        if through._meta.auto_created:
            source = m2m.m2m_field_name()  # type: ignore[attr-defined]
            links = through._base_manager.filter(**{f"{source}__in": entry.rows(ids)})
            links._raw_delete(links.db)
    if "__" in entry.owner:  # a raw DELETE cannot join
        rows = entry.model._base_manager.filter(pk__in=rows.values("pk"))
    return rows._raw_delete(rows.db)


def _value(value: Any) -> Any:
    return value() if isinstance(value, type) and issubclass(value, Func) else value


def points_at_member(model: type[models.Model]) -> list[str]:
    """Name the fields of a model that are a key to the member."""
    member = get_user_model()
    return [f.name for f in model._meta.fields if f.remote_field and f.related_model is member]


__all__ = [
    "DELETE",
    "Entry",
    "Term",
    "after",
    "counts",
    "declaration",
    "declare",
    "entries",
    "erase",
    "is_declared",
    "new_reference",
    "points_at_member",
]
