"""Deleting rows at which many keys point, and checking each key once for all of them.

For every row that goes PostgreSQL asks twice a key whether something still points there. More than thirty keys point at
a member, hardly any of them in use: asking so took more than half of the time of erasing thousands. Here one query asks
for all rows and all keys, after the deletion.

It is as safe. A row is locked by its deletion: whoever adds something that points at it has had the key checked before,
and is seen, or has it checked afterwards, and is refused; whoever takes such a thing away is waited for. What still
points there ends the transaction, as elsewhere. That holds where each statement sees what was written before it (read
committed), of plain tables without rules or triggers of their own on deleting, of keys that only forbid, and where the
site may read and lock what points there. It also takes a right, `GRANT SET ON PARAMETER session_replication_role`, for
triggers rest for that one statement. Where any of this is missing PostgreSQL checks row by row.
"""

from typing import Any

from django.db import IntegrityError, connection, models, transaction

from consent.lookups import Among

GRANTABLE_SINCE = (15,)  # https://www.postgresql.org/docs/release/15.0/
MAY_REST = """
    SELECT current_setting('session_replication_role') = 'origin'
        AND current_setting('transaction_isolation') = 'read committed'
        AND has_parameter_privilege('session_replication_role', 'SET')
        AND EXISTS (
            SELECT FROM pg_class
            WHERE oid = %(table)s::regclass AND relkind = 'r'
                AND NOT relhasrules AND NOT relispartition AND NOT relhassubclass
        )
        AND NOT EXISTS (
            SELECT FROM pg_trigger
            WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 8 <> 0
        )
        AND NOT EXISTS (
            SELECT FROM pg_constraint JOIN pg_attribute ON attrelid = confrelid AND attname = %(key)s
            WHERE contype = 'f' AND confrelid = %(table)s::regclass AND (
                confdeltype NOT IN ('a', 'r') OR confkey <> ARRAY[attnum] OR row_security_active(conrelid)
                OR NOT has_table_privilege(conrelid, 'SELECT') OR NOT has_table_privilege(conrelid, 'UPDATE')
            )
        )
"""
# From the catalogue, for a table that no model knows may point there too.
KEYS = """
    SELECT quote_literal(conname) || '::text', CASE relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || conrelid::regclass,
        quote_ident(attname)
    FROM pg_constraint
    JOIN pg_class ON pg_class.oid = conrelid
    JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
    WHERE contype = 'f' AND confrelid = %s::regclass AND conparentid = 0
    ORDER BY conname
"""
POINTS = "SELECT key FROM (SELECT {} AS key FROM {} WHERE {} = ANY ($gone) LIMIT 1 FOR KEY SHARE) AS pointing"


class StillPointedAt(IntegrityError):
    """Something points at a row that goes; names the key's constraint, and no row."""


def delete(model: type[models.Model], statement: str, params: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Delete rows of a model by a statement that returns whose they were, how many, and an array of their keys.

    Return the first two.

    :raises StillPointedAt: when something still points at one of them
    :raises IntegrityError: the same, found by PostgreSQL, perhaps only at the end of the transaction
    """
    table = connection.ops.quote_name(model._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        may_rest = _may_rest(cursor, table, str(model._meta.pk.column))
        if may_rest:
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, params)
        told = cursor.fetchall()
        if may_rest:
            cursor.execute("SET LOCAL session_replication_role = origin")
        if may_rest and told:
            _check(cursor, table, Among(key for _whose, _rows, keys in told for key in keys))
    return [(whose, rows) for whose, rows, _keys in told]


def _may_rest(cursor: Any, table: str, key: str) -> bool:
    if connection.get_database_version() < GRANTABLE_SINCE:
        return False
    cursor.execute(MAY_REST, {"table": table, "key": key})
    return bool(cursor.fetchone()[0])


def _check(cursor: Any, table: str, gone: Among) -> None:
    cursor.execute(KEYS, [table])
    points = [POINTS.format(*key).replace("%", "%%").replace("$gone", "%(gone)s") for key in cursor.fetchall()]
    if not points:
        return
    cursor.execute(" UNION ALL ".join(points), {"gone": gone.array})
    if found := cursor.fetchone():
        raise StillPointedAt(found[0])
