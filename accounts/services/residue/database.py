"""Searching every table of the database, ours or not: one statement a table, whatever the number of members."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from django.apps import apps
from django.core.signing import BadSignature
from django.db import connection, models
from django_cryptography.utils.crypto import InvalidToken
from psycopg import sql

from accounts.services.residue.scan import Scan
from accounts.services.residue.traces import Traces
from consent import inventory
from consent.fields import ColumnCipher, SealedMixin, SubjectKey

AT_ONCE = 1000  # rows
SIEVED_AT_ONCE = 4000
BESIDE = "\x01"  # between columns; nothing sought goes across it
# Every column that could show plain text: of text's kinds, of types that are written as text, lists of any.
COLUMNS = """
    SELECT nspname, relname, nspname = current_schema(), attname, kind
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    JOIN pg_type ON pg_type.oid = atttypid
    CROSS JOIN LATERAL (SELECT format_type(coalesce(nullif(typbasetype, 0), atttypid), NULL) AS kind) AS written
    WHERE relkind IN ('r', 'm') AND relpersistence <> 't'
      AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
      AND (typcategory IN ('S', 'A', 'C')
           OR kind IN ('json', 'jsonb', 'bytea', 'uuid', 'xml', 'hstore', 'tsvector'))
    ORDER BY nspname, relname, attnum
"""
READ_AS = {
    "bytea": "{}",
    "bytea[]": "(SELECT string_agg(one, '\\x00') FROM unnest({}) AS one)",
}


@dataclass
class Table:
    """A table, the columns in which something could stand, and what the inventory says of it."""

    schema: str
    name: str
    is_ours: bool
    columns: list[tuple[str, str]] = field(default_factory=list)  # name, type

    @cached_property
    def model(self) -> type[models.Model] | None:
        return _models().get(self.name) if self.is_ours else None

    @cached_property
    def entry(self) -> inventory.Entry | None:
        said = self.model and inventory.declaration(self.model)
        return inventory.entry_of(self.model, said) if self.model and said else None

    @cached_property
    def sealed(self) -> dict[int, SealedMixin]:
        """Tell which columns hold ciphertext that our keys open.

        Not those of the members themselves: who has only typed a number, and may yet prove it, says it of themselves.
        """
        if self.entry is None or self.entry.owner == "pk":
            return {}
        fields = {f.column: f for f in self.entry.model._meta.concrete_fields if isinstance(f, SealedMixin)}
        return {i: fields[name] for i, (name, _kind) in enumerate(self.columns) if name in fields}

    @property
    def bytes(self) -> list[SealedMixin | None]:
        """List the columns of bytes, each with what opens it."""
        return [self.sealed.get(i) for i, (_name, kind) in enumerate(self.columns) if kind in READ_AS]

    def place(self, column: int) -> str:
        table = self.name if self.is_ours else f"{self.schema}.{self.name}"
        return f"{table}.{self.columns[column][0]}"


def _models() -> dict[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def search(traces: Traces, scan: Scan) -> None:
    """Search every table for what betrays a member, and those about people for their names too.

    A contact is its owner's wherever it stands. A name belongs to many: it is only looked for where people are kept,
    for a role or a permission may well be called like somebody.
    """
    for table in _tables():
        scan.tables += 1
        scan.columns += len(table.columns)
        _search(table, traces, scan)


def _search(table: Table, traces: Traces, scan: Scan) -> None:
    found: dict[Any, set[tuple[int, int]]] = defaultdict(set)  # row -> column, member
    for rows in _suspects(table, traces):
        places, texts = _texts(rows, table.sealed)
        for i, owners in traces.found_among(texts):
            key, column = places[i]
            found[key].update((column, owner) for owner in owners)
        if table.entry:
            for _key, column in {places[i] for i, _owners in traces.names_among(texts)}:
                scan.names[table.place(column)] += 1
    others = _of_others(table.entry, found, traces.members)
    for key, hits in found.items():
        for column, owner in hits:
            scan.note([owner], table.place(column), is_others=key in others)


def _suspects(table: Table, traces: Traces) -> Iterator[list[tuple[Any, ...]]]:
    """Read the rows that a sieve keeps; every row of the table if one of those was changed meanwhile."""
    keys = _kept(table, traces)
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        rows = next(_read(table, _select(table, only=True), [some], len(some)), [])
        if len(rows) < len(some):
            yield from _read(table, _select(table), [], AT_ONCE)
            return
        yield rows


def _kept(table: Table, traces: Traces) -> list[Any]:
    """Sieve a table in constant memory; return the keys of the rows to look at closely."""
    kept: list[Any] = []
    for rows in _read(table, _select_joined(table), [], SIEVED_AT_ONCE):
        texts = [text for _key, text, *_bytes in rows]
        of = list(range(len(rows)))
        for place, sealed in enumerate(table.bytes, start=2):
            cells = [(i, row[place]) for i, row in enumerate(rows) if row[place] and _says(row[place], sealed)]
            of += [i for i, _cell in cells]
            texts += [_text(cell, sealed) for _i, cell in cells]
        kept += {rows[of[i]][0] for i in traces.sieve.keep(texts, named=table.entry is not None)}
    return kept


def _texts(rows: list[tuple[Any, ...]], sealed: dict[int, SealedMixin]) -> tuple[list[tuple[Any, int]], list[str]]:
    """Take rows apart into texts, with the row and the column of each."""
    cells = [(key, column, value) for key, *values in rows for column, value in enumerate(values) if value]
    texts = [value if isinstance(value, str) else _text(value, sealed.get(column)) for _key, column, value in cells]
    return [(key, column) for key, column, _value in cells], texts


def _says(value: bytes | memoryview, seal: SealedMixin | None) -> bool:
    """Tell whether bytes can say anything: not if they are ciphertext that is not opened."""
    return seal is not None or not ColumnCipher.is_sealed(value)


def _text(value: bytes | memoryview, seal: SealedMixin | None) -> str:
    """Read bytes as text, unsealed if they are; what no key opens any more tells nothing."""
    with suppress(InvalidToken, BadSignature, ValueError):
        if seal is not None:
            return seal.text_of(value)
    return bytes(value).decode(errors="replace")


def _of_others(entry: inventory.Entry | None, keys: Collection[Any], leaving: Collection[int]) -> set[Any]:
    """Keep the rows that another person owns: somebody with an account, or who wrote without one.

    What members leave behind without their name is ours, and so is what belongs to nobody.
    """
    if entry is None or not keys:
        return set()
    rows = entry.model._base_manager.filter(pk__in=list(keys)).order_by()
    owned = rows.values_list("pk", entry.path_to_member_id)
    return {pk for pk, owner in owned if (owner not in leaving if owner is not None else entry.deletes)}


def _tables() -> Iterator[Table]:
    """List the tables from the catalogue, those that no model knows included; partitions one by one.

    The one thing left out is by which random number a record knows its member, where the inventory declares that it
    stays.
    """
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        columns = cursor.fetchall()
    left_out = set(_unlinked(inventory.entries()))
    for named, of_table in groupby(columns, key=lambda row: row[:3]):
        table = Table(*named)
        table.columns = [row[3:] for row in of_table if not (table.is_ours and (table.name, row[3]) in left_out)]
        if table.columns:
            yield table


def _unlinked(entries: Iterable[inventory.Entry]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        key = entry.model._meta.get_field(entry.owner) if entry.unlinks else None
        if isinstance(key, SubjectKey):
            yield entry.model._meta.db_table, str(key.column)


def _read(table: Table, query: sql.Composed, params: list[Any], at_once: int) -> Iterator[list[tuple[Any, ...]]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, params)
        while rows := cursor.fetchmany(at_once):
            yield rows


def _select(table: Table, *, only: bool = False) -> sql.Composed:
    """Read of each row its key, then every column that could show something; of all rows, or `only` of some keys."""
    columns = [_column(name, kind) for name, kind in table.columns]
    query = _from(table, columns)
    return query + sql.SQL(" WHERE {} = ANY(%s)").format(_key(table)) if only else query


def _select_joined(table: Table) -> sql.Composed:
    """Read of each row its key, every column of text as one text, then every column of bytes."""
    texts = [_column(name, kind) for name, kind in table.columns if kind not in READ_AS]
    joined = sql.SQL("concat_ws({})").format(sql.SQL(", ").join([sql.Literal(BESIDE), sql.Literal(""), *texts]))
    return _from(table, [joined, *(_column(name, kind) for name, kind in table.columns if kind in READ_AS)])


def _from(table: Table, columns: Sequence[sql.Composable]) -> sql.Composed:
    query = sql.SQL("SELECT {} FROM ONLY {}")
    return query.format(sql.SQL(", ").join([_key(table), *columns]), sql.Identifier(table.schema, table.name))


def _column(name: str, kind: str) -> sql.Composed:
    return sql.SQL(READ_AS.get(kind, "{}::text")).format(sql.Identifier(name))


def _key(table: Table) -> sql.Composable:
    key = table.model._meta.pk if table.model else None
    return sql.Identifier(str(key.column)) if key else sql.SQL("ctid::text")
