"""Searching every table of the database, ours or not: one statement a table, whatever the number of members."""

from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from functools import partial
from typing import Any

from accounts.services.overlapping import overlapped
from accounts.services.residue.blocks import blocks, key_of, new_boundary, text_of
from accounts.services.residue.scan import Scan
from accounts.services.residue.sieve import Sieve
from accounts.services.residue.tables import Table, read, select, tables
from accounts.services.residue.traces import Traces
from consent import inventory
from consent.fields import SealedMixin

AT_ONCE = 1000  # rows
Hit = tuple[str, int, int]  # row, column, whose


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
    found: set[Hit] = set()
    named: set[Hit] = set()
    for rows in _suspects(table, traces):
        places, texts = _texts(rows, table.sealed)
        for i, owners in traces.found_among(texts):
            found.update((*places[i], owner) for owner in owners)
        for i, owners in traces.names_among(texts) if table.entry else ():
            named.update((*places[i], owner) for owner in owners)
    found -= _of_newcomers(table.entry, found, traces)
    named -= _of_newcomers(table.entry, named, traces)
    nobodys = _kept_of_nobody(table.entry, {key for key, _column, _owner in named})
    betraying = {one for one in named if one[0] in nobodys}
    for _key, column, owner in found | betraying:
        scan.note([owner], table.place(column))
    for _key, column, owner in named - betraying:
        scan.note_names([owner], table.place(column))


def _suspects(table: Table, traces: Traces) -> Iterator[list[tuple[Any, ...]]]:
    """Read the rows that a sieve keeps; every row of the table if one of those was changed meanwhile."""
    keys = _kept(table, traces.sieve)
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        rows = next(read(select(table, only=True), [some], len(some)), [])
        if len(rows) < len(some):
            yield from read(select(table), [], AT_ONCE)
            return
        yield rows


def _kept(table: Table, sieve: Sieve) -> list[str]:
    """Sieve a table in constant memory; return the keys of the rows to look at closely."""
    kept: dict[str, None] = {}
    boundary, named = new_boundary(), table.entry is not None
    sift = partial(_sifted, boundary=boundary, keeps=partial(sieve.keeps, named=named))
    with closing(blocks(table, boundary)) as said:
        for rows in overlapped(sift, said):
            kept.update(dict.fromkeys(map(key_of, rows)))
    return list(kept)


def _sifted(block: bytes, boundary: bytes, keeps: Callable[[bytes], bool]) -> list[bytes]:
    """Halve what is kept until only rows are left that are kept by themselves."""
    if not keeps(block):
        return []
    rows = block.split(boundary)
    if len(rows) == 1:
        return rows
    halves = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    return [row for half in halves for row in _sifted(boundary.join(half), boundary, keeps)]


def _texts(rows: list[tuple[Any, ...]], sealed: dict[int, SealedMixin]) -> tuple[list[tuple[str, int]], list[str]]:
    """Take rows apart into texts, with the row and the column of each."""
    cells = [(key, column, value) for key, *values in rows for column, value in enumerate(values) if value]
    texts = [value if isinstance(value, str) else text_of(value, sealed.get(column)) for _key, column, value in cells]
    return [(key, column) for key, column, _value in cells], texts


def _of_newcomers(entry: inventory.Entry | None, hits: set[Hit], traces: Traces) -> set[Hit]:
    """Keep what accounts say of themselves that were opened since: whoever left may be back before the proof is there.

    An identifier is not theirs alone for that: elsewhere it is still looked for.
    """
    if entry is None or not hits or not traces.erased:
        return set()
    joined = "date_joined" if entry.owner == "pk" else f"{entry.owner}__date_joined"
    rows = entry.model._base_manager.filter(
        **{"pk__in": {key for key, _column, _owner in hits}, f"{joined}__gte": min(traces.erased.values())}
    )
    since = {str(pk): at for pk, at in rows.values_list("pk", joined)}
    return {hit for hit in hits if hit[0] in since and since[hit[0]] >= traces.erased[hit[2]]}


def _kept_of_nobody(entry: inventory.Entry | None, keys: Collection[str]) -> set[str]:
    """Keep the rows that stay when their member goes, and whose member has gone; a key is known as text."""
    if entry is None or entry.deletes or not keys:
        return set()
    rows = entry.model._base_manager.filter(**{"pk__in": list(keys), f"{entry.path_to_member_id}__isnull": True})
    return set(map(str, rows.values_list("pk", flat=True)))
