"""The tables of the database, ours or not, and how everything is read that stands in one."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, cast

from django.apps import apps
from django.db import connection, models
from psycopg import Cursor, sql

from consent import inventory
from consent.fields import SealedMixin, SubjectKey

SOUGHT = ("accounts_closure", "traces")
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
    def plain(self) -> list[tuple[str, str]]:
        """List the other columns."""
        return [column for i, column in enumerate(self.columns) if i not in self.sealed]

    @property
    def key(self) -> tuple[str, str]:
        """Tell by what a row is known, and of which type it is: by its place where no model knows better."""
        key = self.model._meta.pk if self.model else None
        return (str(key.column), str(key.rel_db_type(connection))) if key else ("ctid", "tid")

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def regclass(self) -> sql.Composed:
        return sql.SQL("{}::regclass").format(sql.Literal(f'"{self.schema}"."{self.name}"'))

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


def read_bytes(query: sql.Composed) -> Generator[bytes | None]:
    """Read one value of bytes after another while the database already computes the next ones.

    Until it is read to its end or closed, nothing else may be asked of this connection: it would wait for ever. To
    close it early cancels the statement, and with it the transaction. Django's cursors would have the bytes written as
    text, twice as long; those of the server wait to be asked for each.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        rows = cast("Generator[tuple[bytes | None]]", cursor.stream(query, binary=True))  # what is left open locks it
        with closing(rows):
            yield from (value for (value,) in rows)


def select(table: Table, *, only: bool = False) -> sql.Composed:
    """Read of each row its key, then every column that could show something; of all rows, or `only` of some keys."""
    name, kind = table.key
    key, columns = as_text(name, kind), [as_text(*column) for column in table.columns]
    query = sql.SQL("SELECT {} FROM ONLY {}").format(sql.SQL(", ").join([key, *columns]), table.identifier)
    some = sql.SQL(" WHERE {} = ANY(%s::{}[])").format(sql.Identifier(name), sql.SQL(kind))
    return query + some if only else query


def as_text(name: str, kind: str) -> sql.Composed:
    """Read a column as text, or as bytes where it holds such."""
    return sql.SQL(READ_AS.get(kind, "{}::text")).format(sql.Identifier(name))
