"""The inventory: what each model holds about a person, why, how long, and what closing the account does to it.

A model of ours says it beside its `Meta`: `PersonalData = None`, or

    class PersonalData:
        clause = "二1(2)C"              # where the policy promises it
        purpose = "课程购买"             # shown to the member
        owner = "member"                # path from a row to its member; "pk" on the member itself
        on_close = DELETE               # or {field: value}: what the fields that go are set to; or UNLINK
        kept = {"number", "total_fen"}  # with a dict only: what stays, because it names nobody
        until = after("completed_at", years=3)  # `consent.expiry` deletes the row then
        because = "电子商务法 第三十一条"
        actors = {"decided_by"}         # people of the staff who acted; emptied when they leave
        title = "两步验证"               # when the model's own name is not in the member's language
        collected_with = "source"       # the field that tells with which device permission a row came,
        collected_at = "added_at"       # and the field that tells when
        page = "courses:orders"         # where a member sees these rows themselves
        shown = Q(state="approved")     # which rows the member is told of: on the page, in counts and in an export
        withheld = {"password"}         # secrets that an export does not tell: whoever finds it could use them
        headings = {"ip": "IP 地址"}     # columns whose own name is not in the member's language
        in_words = {"said": pairs()}    # how codes without choices, and JSON, are said to people: see `consent.wording`

UNLINK is for rows that know their member by a random number alone (`fields.SubjectKey`): they stay as they are, and
point at nobody once the member's own row, the only place where that number stands too, has gone.

Models of other packages are declared with `declare`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, replace
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.db.models import Count, F, Func, QuerySet, Value

from consent import keys
from consent.entry import DELETE, UNLINK, Entry, new_reference
from consent.lookups import Among, pointers
from consent.terms import Term, after

SOMEBODY = -1  # stands in a compiled query where a member's id goes
# What has a key to the member, and what is found through other rows. Of rows at which keys point, which ones are told.
DELETE_OWN = """
    WITH gone AS (DELETE FROM {table} WHERE {key} = ANY(%s) RETURNING {key} AS of_member, {row} AS of_row)
    SELECT of_member, count(*), {which} FROM gone GROUP BY of_member
"""
DELETE_THROUGH = """
    WITH owner (of_key, of_member) AS ({owners}), gone AS (
        DELETE FROM {table} AS row USING owner WHERE row.{key} = owner.of_key RETURNING of_member, row.{row} AS of_row
    )
    SELECT of_member, count(*), {which} FROM gone GROUP BY of_member
"""
Counted = Mapping[int, Mapping[str, int]]  # by member and kind of row

_foreign: dict[str, type] = {}


def declare(label: str, personal_data: type | None) -> None:
    """Say for another package's model what a model of ours says beside its Meta."""
    _foreign[label] = personal_data  # type: ignore[assignment]
    entries.cache_clear()
    _count_of_somebody.cache_clear()


def is_declared(model: type[models.Model]) -> bool:
    return model._meta.label in _foreign or "PersonalData" in vars(model)


def declaration(model: type[models.Model]) -> type | None:
    return _foreign.get(model._meta.label, vars(model).get("PersonalData"))


def entry_of(model: type[models.Model], said: Any) -> Entry:
    """Read what a model says into an entry.

    :raises AttributeError: when it leaves out what every entry says
    """
    needed = {f.name for f in fields(Entry)[1:] if f.default is MISSING and f.default_factory is MISSING}
    told: dict[str, Any] = {name: getattr(said, name) for name in needed}
    told |= {f.name: getattr(said, f.name) for f in fields(Entry)[1:] if hasattr(said, f.name)}
    told |= {name: frozenset(told[name]) for name in ("kept", "actors", "withheld") if name in told}
    return Entry(model=model, **told)


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """List every declared model that holds something about a person, rows that point before rows pointed at.

    A nullable key does not count, unless the owner is found through it: two models may then point at each other.

    :raises graphlib.CycleError: when no such order exists; a check refuses that
    """
    found = {m: entry_of(m, said) for m in apps.get_models() if (said := declaration(m)) is not None}
    order: TopologicalSorter[type[models.Model]] = TopologicalSorter()
    for model, kind in found.items():
        order.add(model)
        pointed_at: set[Any] = {f.related_model for f in model._meta.fields if f.remote_field and not f.null}
        for other in (pointed_at | set(path_to_owner(kind))) & found.keys() - {model}:
            order.add(other, model)
    return tuple(_joined(model, found) for model in order.static_order())


def _joined(model: type[models.Model], found: Mapping[type[models.Model], Entry]) -> Entry:
    """Say with which other rows these go, if they have a term that is only known from there."""
    kind = found[model]
    if "__" not in kind.owner or kind.until is None or kind.until.named_too:
        return kind
    whole: Any = model._meta.get_field(kind.owned_through).related_model
    return replace(kind, part_of=_joined(whole, found)) if whole in found and found[whole].until else kind


def path_to_owner(entry: Entry) -> list[type[models.Model]]:
    """List the models that lead from a row to its member, the member last.

    :raises FieldDoesNotExist: when the path breaks off
    """
    path, model = [], entry.model
    for name in [] if entry.owner == "pk" else entry.owner.split("__"):
        model = cast("type[models.Model]", model._meta.get_field(name).related_model)
        path.append(model)
    return path


def tallies(*, member_ids: Iterable[int]) -> dict[int, Counter[str]]:
    """Count the rows of each kind that each of these members is told of, in a single query.

    Keys are model labels.
    """
    ids = list(member_ids)
    found: dict[int, Counter[str]] = {member_id: Counter() for member_id in ids}
    counted = _tally(Among(ids))
    for member_id, label, rows in counted.values_list("of_member", "of_kind", "rows"):
        found[member_id][label] += rows
    return found


def counts(*, member_id: int) -> list[tuple[Entry, int]]:
    """Count the rows that one member is told of, of each kind that has any, in a single query."""
    sql, params = _count_of_somebody()
    somebody, one = Among([SOMEBODY]).array, Among([member_id]).array
    with connection.cursor() as cursor:
        cursor.execute(sql, [one if param == somebody else param for param in params])
        tally = {label: rows for _member, label, rows in cursor.fetchall()}
    return [(kind, tally[kind.label]) for kind in entries() if kind.label in tally]


def _tally(ids: Among) -> QuerySet[Any, dict[str, Any]]:
    parts = [_counted(kind, ids) for kind in entries()]
    return parts[0].union(*parts[1:], all=True)


def _counted(kind: Entry, ids: Among) -> QuerySet[Any, dict[str, Any]]:
    of_member, rows = F(kind.path_to_member_id), kind.shown_rows(ids).order_by()
    return rows.values(of_member=of_member, of_kind=Value(kind.label)).annotate(rows=Count("pk"))


@lru_cache(maxsize=1)
def _count_of_somebody() -> tuple[str, tuple[Any, ...]]:
    """Compile the counting of one member's rows once: building it takes Django longer than running it."""
    return _tally(Among([SOMEBODY])).query.sql_with_params()


@transaction.atomic
def erase(*, member_ids: Iterable[int]) -> Counter[str]:
    """Carry out every declaration for these members, and check all keys.

    Files are not rows: whoever calls has removed them before. Return how many rows of each kind they were told of.
    """
    tallies = carry_out(member_ids=member_ids)
    connection.check_constraints()
    return sum(tallies.values(), Counter())


def carry_out(
    *, member_ids: Iterable[int], before: Mapping[type[models.Model], Callable[[Counted], None]] | None = None
) -> dict[int, Counter[str]]:
    """Do so a few statements a model; return for each of these members how many rows of each kind they were told of.

    What has to be done `before` the rows of a kind that stays are emptied is told what was counted, when of all others
    only the members' own rows are left. Keys at rows that go may be checked here; the others are left to the caller,
    and at last to the end of the transaction.

    :raises IntegrityError: when something still points at a row that goes
    """
    known, special = list(member_ids), before or {}
    ids = Among(known)
    tallies: dict[int, Counter[str]] = {member_id: Counter() for member_id in known}
    for kind in sorted(entries(), key=lambda kind: (kind.owner == "pk", kind.model in special)):
        for actor in sorted(kind.actors):
            kind.model._base_manager.filter(**{f"{actor}__pk__among": ids}).update(**{actor: None})
        for member_id, rows in _count_or_delete(kind, ids):
            tallies[member_id][kind.label] = rows
        if kind.model in special:
            special[kind.model](tallies)
        _carry_out(kind, ids)
    return tallies


def _count_or_delete(entry: Entry, ids: Among) -> list[tuple[int, int]]:
    """Count what each of these members is told of; where that is all that goes, delete it in the same statement."""
    if entry.deletes and not entry.shown:
        return _delete(entry, ids)
    return list(_counted(entry, ids).values_list("of_member", "rows"))


def _carry_out(entry: Entry, ids: Among) -> None:
    if entry.deletes and entry.shown:
        _delete(entry, ids)
    elif not entry.deletes and not entry.unlinks:  # what is unlinked loses its member with the member's own row
        _empty(entry, ids)


def _empty(entry: Entry, ids: Among) -> None:
    emptied = cast("Mapping[str, Any]", entry.on_close)
    entry.rows(ids).update(**{name: _value(value) for name, value in emptied.items()})


def _delete(entry: Entry, ids: Among) -> list[tuple[int, int]]:
    """Delete these members' rows, and count each one's in the same go."""
    pointing = pointers(entry.model)
    for pointer in pointing:
        _point_nowhere(pointer, entry.rows(ids))
    key, further = _way_to_owner(entry)
    table, column, row = map(
        connection.ops.quote_name, (entry.model._meta.db_table, key.column, entry.model._meta.pk.column)
    )
    names = {"table": table, "key": column, "row": row, "which": "array_agg(of_row)" if pointing else "NULL"}
    if further == "pk" and (not key.remote_field or key.target_field.primary_key):
        sql, params = DELETE_OWN.format(**names), (ids.array,)
    else:
        owners = key.related_model._base_manager.filter(**{f"{further}__among": ids}).order_by()
        of_key = owners.values_list(key.target_field.name, further).query.sql_with_params()
        sql, params = DELETE_THROUGH.format(**names, owners=of_key[0]), of_key[1]
    if pointing:
        return keys.delete(entry.model, sql, params)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [(member_id, rows) for member_id, rows, _which in cursor.fetchall()]


def _way_to_owner(entry: Entry) -> tuple[Any, str]:
    """Tell which field of a row leads to its member, and how to get from there to the member's number."""
    first, _, further = entry.owner.partition("__")
    if first == "pk":
        return entry.model._meta.pk, "pk"
    return entry.model._meta.get_field(first), f"{further}__pk" if further else "pk"


def _point_nowhere(pointer: models.ForeignKey[Any, Any], gone: QuerySet[Any]) -> None:
    """Empty what still points at rows that go: a link, another member's answer to one of them."""
    pointing = pointer.model._base_manager.filter(**{f"{pointer.name}__in": gone.values("pk")})
    if pointer.model._meta.auto_created:
        pointing._raw_delete(pointing.db)
    elif pointer.null and not _goes_with_its_owner(pointer):
        pointing.update(**{pointer.name: None})


def _goes_with_its_owner(pointer: models.ForeignKey[Any, Any]) -> bool:
    said = declaration(pointer.model)
    if said is None:
        return False
    own = entry_of(pointer.model, said)
    return pointer.name == own.owned_through or pointer.name in own.actors


def _value(value: Any) -> Any:
    return value() if isinstance(value, type) and issubclass(value, Func) else value


def points_at_member(model: type[models.Model]) -> list[str]:
    """Name the fields of a model that are a key to the member."""
    member = get_user_model()
    return [f.name for f in model._meta.fields if f.remote_field and f.related_model is member]


__all__ = [
    "DELETE",
    "UNLINK",
    "Counted",
    "Entry",
    "Term",
    "after",
    "carry_out",
    "counts",
    "declaration",
    "declare",
    "entries",
    "entry_of",
    "erase",
    "is_declared",
    "new_reference",
    "points_at_member",
    "tallies",
]
