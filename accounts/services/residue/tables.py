"""The tables of the database, ours or not, and how everything is read that stands in one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from django.apps import apps
from django.db import connection, models
from psycopg import sql

from consent import inventory
from consent.fields import SealedMixin, SubjectKey

PAGES = 64  # of 8 KB
LITTLE = 8 * 1024 * 1024  # bytes
SOUGHT = ("accounts_closure", "traces")
BESIDE, AFTER = "\x01", "\x02"  # between columns, and between rows; nothing sought goes across them
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

    @property
    def regclass(self) -> str:
        return f'"{self.schema}"."{self.name}"'

    def place(self, column: int) -> str:
        table = self.name if self.is_ours else f"{self.schema}.{self.name}"
        return f"{table}.{self.columns[column][0]}"


def _models() -> dict[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def tables() -> Iterator[Table]:
    """List the tables from the catalogue, those that no model knows included; partitions one by one.

    Left out is by which random number a record knows its member, where the inventory declares that it stays; and what
    closures keep to look for, which goes with the last of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        columns = cursor.fetchall()
    left_out = {SOUGHT, *_unlinked(inventory.entries())}
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


def read(query: sql.Composed, params: list[Any], at_once: int) -> Iterator[list[tuple[Any, ...]]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, params)
        while rows := cursor.fetchmany(at_once):
            yield rows


def select(table: Table, *, only: bool = False) -> sql.Composed:
    """Read of each row its key, then every column that could show something; of all rows, or `only` of some keys."""
    columns = [_column(name, kind) for name, kind in table.columns]
    query = _from(table, columns)
    return query + sql.SQL(" WHERE {} = ANY(%s)").format(_key(table)) if only else query


def select_joined(table: Table) -> sql.Composed:
    """Read of each row its key, every column of text as one text, then every column of bytes."""
    return _from(table, [_joined(table), *(_column(name, kind) for name, kind in table.columns if kind in READ_AS)])


def is_plain(table: Table) -> bool:
    """Tell whether a table holds text only, and none of it so long that it lies elsewhere."""
    if table.bytes:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size(%s) - pg_relation_size(%s)", [table.regclass] * 2)
        return bool(cursor.fetchone()[0] <= LITTLE)


def select_pages(table: Table) -> sql.Composed:
    """Read all there is in so many pages of a table as one text, page after page, as of one moment."""
    of_rows = sql.SQL("SELECT string_agg({}, {}) FROM ONLY {} WHERE ctid >= {} AND ctid < {}").format(
        _joined(table),
        sql.Literal(AFTER),
        sql.Identifier(table.schema, table.name),
        sql.SQL("format('(%%s,0)', of_pages.first)::tid"),
        sql.SQL("format('(%%s,0)', of_pages.first + {})::tid").format(sql.Literal(PAGES)),
    )
    pages = sql.SQL(
        "generate_series(0, pg_relation_size({}) / current_setting('block_size')::int, {}) AS of_pages(first)"
    )
    return sql.SQL("SELECT ({}) FROM {}").format(of_rows, pages.format(sql.Literal(table.regclass), sql.Literal(PAGES)))


def _from(table: Table, columns: Sequence[sql.Composable]) -> sql.Composed:
    query = sql.SQL("SELECT {} FROM ONLY {}")
    return query.format(sql.SQL(", ").join([_key(table), *columns]), sql.Identifier(table.schema, table.name))


def _joined(table: Table) -> sql.Composed:
    texts = [_column(name, kind) for name, kind in table.columns if kind not in READ_AS]
    return sql.SQL("concat_ws({})").format(sql.SQL(", ").join([sql.Literal(BESIDE), sql.Literal(""), *texts]))


def _column(name: str, kind: str) -> sql.Composed:
    return sql.SQL(READ_AS.get(kind, "{}::text")).format(sql.Identifier(name))


def _key(table: Table) -> sql.Composable:
    key = table.model._meta.pk if table.model else None
    return sql.Identifier(str(key.column)) if key else sql.SQL("ctid::text")
