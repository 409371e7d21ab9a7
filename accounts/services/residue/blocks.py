"""Reading a whole table as a few large blocks of bytes, each of many rows; what is sealed is opened for it."""

import secrets
from collections.abc import Generator, Iterator
from contextlib import closing, suppress

from django.core.signing import BadSignature
from django_cryptography.utils.crypto import InvalidToken
from psycopg import sql

from accounts.services.residue.tables import READ_AS, Table, as_text, read, read_bytes
from consent.fields import ColumnCipher, SealedMixin

BESIDE = b"\x01"  # between columns; nothing sought goes across it
PAGES = 16  # of 8 KB
ROWS = 1000
# A line of a page takes 28 bytes and more.
BLOCKS = """
    SELECT ({rows})
    FROM (SELECT pg_relation_size({table}) AS size, current_setting('block_size')::int AS page_size) AS of_table,
        LATERAL (SELECT {pages} * size / greatest(1, pg_table_size({table}))::float AS share) AS of_pages,
        LATERAL (SELECT greatest(1, share::int) AS pages, page_size / 28 AS most) AS of_page,
        LATERAL (SELECT greatest(1, least(most, most * share)::int) AS lines) AS of_lines,
        generate_series(0, size / page_size - 1, pages) AS page,
        generate_series(1, most, lines) AS line,
        LATERAL (
            SELECT format('(%s,%s)', page, line)::tid AS begins,
                format('(%s,%s)', page + pages - 1, line + lines)::tid AS ends
        ) AS of_block
"""
OF_BOUNDARIES = bytes([*range(0x02, 0x09), *range(0x0E, 0x1C)])  # neither letter nor digit nor space


def new_boundary() -> bytes:
    """Make up what stands between two rows: whoever writes into a row cannot know it."""
    return bytes(secrets.choice(OF_BOUNDARIES) for _ in range(8))


def blocks(table: Table, boundary: bytes) -> Generator[bytes]:
    """Read everything that could say something: of each row its key, then its columns, then the boundary.

    What our keys open is read apart, only where there is any.
    """
    if table.plain:
        with closing(read_bytes(_select_pages(table, boundary))) as said:
            yield from filter(None, said)
    if table.sealed:
        yield from _opened(table, boundary)


def key_of(row: bytes) -> str:
    return row.partition(BESIDE)[0].decode()


def text_of(value: bytes | memoryview, seal: SealedMixin | None) -> str:
    """Read bytes as text, unsealed if they are; what no key opens any more tells nothing."""
    with suppress(InvalidToken, BadSignature, ValueError):
        if seal is not None:
            return seal.text_of(value)
    return bytes(value).decode(errors="replace")


def _opened(table: Table, boundary: bytes) -> Iterator[bytes]:
    seals = list(table.sealed.values())
    for rows in read(_select_sealed(table), [], ROWS):
        said = (
            [key, *(text_of(value, seal) for seal, value in zip(seals, values, strict=True) if value)]
            for key, *values in rows
        )
        yield boundary.join(BESIDE.join(one.encode() for one in row) for row in said)


def _select_sealed(table: Table) -> sql.Composed:
    columns = [as_text(*table.columns[i]) for i in table.sealed]
    return sql.SQL("SELECT {} FROM ONLY {} WHERE num_nonnulls({}) > 0").format(
        sql.SQL(", ").join([as_text(table.key[0], ""), *columns]), table.identifier, sql.SQL(", ").join(columns)
    )


def _select_pages(table: Table, boundary: bytes) -> sql.Composed:
    """Read the rows of so many pages of a table as one block, page after page, as of one moment.

    Of fewer pages, or of a few lines of one, where texts are so long that they lie elsewhere: a block stays as large.
    """
    rows = sql.SQL("SELECT {} FROM ONLY {} AS row WHERE ctid >= of_block.begins AND ctid < of_block.ends").format(
        _aggregated(table, boundary), table.identifier
    )
    return sql.SQL(BLOCKS).format(rows=rows, pages=sql.Literal(PAGES), table=table.regclass)


def _aggregated(table: Table, boundary: bytes) -> sql.Composed:
    """Write rows as one value of bytes: of each its key, its texts, its bytes."""
    texts = [as_text(name, kind) for name, kind in table.plain if kind not in READ_AS]
    values = [as_text(name, kind) for name, kind in table.plain if kind in READ_AS]
    columns = sql.SQL(", ").join([sql.Literal(BESIDE.decode()), as_text(table.key[0], ""), *texts])
    if not values:  # many rows become bytes sooner than each of them
        return sql.SQL("convert_to(string_agg(concat_ws({}), {}), 'UTF8')").format(
            columns, sql.Literal(boundary.decode())
        )
    row = sql.SQL(" || ").join(
        [sql.SQL("convert_to(concat_ws({}), 'UTF8')").format(columns), *map(_unless_sealed, values)]
    )
    return sql.SQL("string_agg({}, {})").format(row, _bytes(boundary))


def _unless_sealed(value: sql.Composed) -> sql.Composed:
    """Read bytes that say something: not those that are ciphertext which is not opened."""
    seals = [
        sql.SQL("substring({} FOR {}) = {}").format(value, sql.Literal(len(beginning)), _bytes(beginning))
        for beginning in ColumnCipher.beginnings()
    ]
    return sql.SQL("CASE WHEN {} THEN '' ELSE coalesce({} || {}, '') END").format(
        sql.SQL(" OR ").join(seals), _bytes(BESIDE), value
    )


def _bytes(value: bytes) -> sql.Composed:
    return sql.SQL("'\\x{}'::bytea").format(sql.SQL(value.hex()))
