"""Searching every table of the database, ours or not: one statement a table, whatever the number of members."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

from django.core.signing import BadSignature
from django_cryptography.utils.crypto import InvalidToken

from accounts.services.residue.scan import Scan
from accounts.services.residue.tables import (
    AFTER,
    Table,
    is_plain,
    read,
    select,
    select_joined,
    select_pages,
    tables,
)
from accounts.services.residue.traces import Traces
from consent import inventory
from consent.fields import ColumnCipher, SealedMixin

AT_ONCE = 1000  # rows
SIEVED_AT_ONCE = 2000


def search(traces: Traces, scan: Scan) -> None:
    """Search every table for what betrays a member, and those about people for their names too.

    A contact is its owner's wherever it stands. A name belongs to many: it is only looked for where people are kept,
    for a role or a permission may well be called like somebody.
    """
    for table in tables():
        scan.tables += 1
        scan.columns += len(table.columns)
        _search(table, traces, scan)


def _search(table: Table, traces: Traces, scan: Scan) -> None:
    found: set[tuple[Any, int, int]] = set()  # row, column, whose
    named: set[tuple[Any, int, int]] = set()
    for rows in _suspects(table, traces):
        places, texts = _texts(rows, table.sealed)
        for i, owners in traces.found_among(texts):
            found.update((*places[i], owner) for owner in owners)
        for i, owners in traces.names_among(texts) if table.entry else ():
            named.update((*places[i], owner) for owner in owners)
    nobodys = _kept_of_nobody(table.entry, {key for key, _column, _owner in named})
    betraying = {one for one in named if one[0] in nobodys}
    for _key, column, owner in found | betraying:
        scan.note([owner], table.place(column))
    for _key, column, owner in named - betraying:
        scan.note_names([owner], table.place(column))


def _suspects(table: Table, traces: Traces) -> Iterator[list[tuple[Any, ...]]]:
    """Read the rows that a sieve keeps; every row of the table if one of those was changed meanwhile."""
    keys = [] if _is_clean(table, traces) else _kept(table, traces)
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        rows = next(read(select(table, only=True), [some], len(some)), [])
        if len(rows) < len(some):
            yield from read(select(table), [], AT_ONCE)
            return
        yield rows


def _is_clean(table: Table, traces: Traces) -> bool:
    """Tell at once, by many pages at a time, that nothing in a table has to be looked at closely."""
    if not is_plain(table):
        return False
    named = table.entry is not None
    texts = (row[0] for rows in read(select_pages(table), [], 1) for row in rows if row[0])
    return not any(traces.sieve.keep(list(set(text.split(AFTER))), named=named) for text in texts)


def _kept(table: Table, traces: Traces) -> list[Any]:
    """Sieve a table in constant memory; return the keys of the rows to look at closely."""
    kept: list[Any] = []
    for rows in read(select_joined(table), [], SIEVED_AT_ONCE):
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


def _kept_of_nobody(entry: inventory.Entry | None, keys: Collection[Any]) -> set[Any]:
    """Keep the rows that stay when their member goes, and whose member has gone."""
    if entry is None or entry.deletes or not keys:
        return set()
    rows = entry.model._base_manager.filter(**{"pk__in": list(keys), f"{entry.path_to_member_id}__isnull": True})
    return set(rows.values_list("pk", flat=True))
