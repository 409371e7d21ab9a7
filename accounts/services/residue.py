"""Looking for a member's identifiers in every table of the database, ours or not."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import phonenumbers
import structlog
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.db import connection
from psycopg import sql

from accounts.models import User
from consent import inventory

COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
      AND (data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY') OR udt_name = 'citext')
    ORDER BY table_name, ordinal_position
"""

log = structlog.get_logger(__name__)


class Residue(Exception):
    """Something of a member is left in the database; says where and how often, never what."""


def addresses_of(members: Iterable[User]) -> list[str]:
    """List the numbers and addresses of these members, those they once added included."""
    members = list(members)
    own = {to for member in members for to in (member.phone, member.email) if to}
    return sorted(own.union(EmailAddress.objects.filter(user__in=members).values_list("email", flat=True)))


class Traces:
    """What would betray these members, held in memory only."""

    def __init__(self, members: Iterable[User]) -> None:
        members = list(members)
        self.contacts = [_mail_pattern(to) if "@" in to else _phone_pattern(to) for to in addresses_of(members)]
        linked = SocialAccount.objects.filter(user__in=members).values_list("uid", flat=True)
        self.contacts += [rf"(?<![\w-]){re.escape(uid)}(?![\w-])" for uid in linked]
        self.names = [re.escape(member.name) for member in members if _is_telling(member.name)]

    def __repr__(self) -> str:
        return "<Traces>"  # a traceback or a log that shows it names nobody

    @property
    def contacts_pattern(self) -> str:
        """Return one regular expression, of PostgreSQL's and Python's, for all contacts; empty when there is none."""
        return "|".join(self.contacts)

    @property
    def names_pattern(self) -> str:
        return "|".join(self.names)


def _mail_pattern(address: str) -> str:
    """Match an address, but not one that only ends or begins like it."""
    return rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.[a-zA-Z0-9])"


def _phone_pattern(number: str) -> str:
    """Match a number in its spellings: with or without country code, hyphens, spaces; not inside a longer one."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return rf"(?<!\d){re.escape(number.lstrip('+'))}(?!\d)"
    national = "[ -]?".join(phonenumbers.national_significant_number(parsed))
    return rf"(?<!\d)((00|[+])?{parsed.country_code}[ -]?)?{national}(?!\d)"


def _is_telling(name: str) -> bool:
    """Tell whether finding a name means something: one Latin word may be any stored choice ("mail", "paid")."""
    return len(name) >= 2 and (not name.isascii() or " " in name.strip())


def search(traces: Traces) -> tuple[Counter[str], Counter[str]]:
    """Count the rows of each table in which a contact stands, and those in which a name does; one statement a table.

    A contact is its owner's wherever it stands, so every table is searched for it. A name belongs to many: it is only
    looked for where people are kept, for a role or a permission may well be called like somebody.
    """
    contacts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    about_people = {m._meta.db_table for m in apps.get_models() if inventory.declaration(m) is not None}
    with connection.cursor() as cursor:
        for table, columns in _columns():
            sought = traces.names_pattern if table in about_people else ""
            if traces.contacts_pattern or sought:
                cursor.execute(_count(table, columns), [traces.contacts_pattern or None, sought or None])
                contacts[table], names[table] = cursor.fetchone()
    return +contacts, +names


def verify(traces: Traces) -> None:
    """Make sure that no contact is left, and write into the log where a name still stands.

    A name does not stand in the way: it cannot be told whether it is theirs or a namesake's, and whoever is called
    王伟 has a right to go.

    :raises Residue: with the tables in which a contact is
    """
    contacts, names = search(traces)
    if contacts:
        raise Residue(_places(contacts))
    if names:
        log.warning("residue.names", places=_places(names))


def _places(found: Counter[str]) -> str:
    return ", ".join(f"{table}×{n}" for table, n in sorted(found.items()))


def _columns() -> Iterator[tuple[str, list[str]]]:
    """List every column that could show plain text, from the catalogue: tables that no model knows included."""
    by_table: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        for table, column in cursor.fetchall():
            by_table.setdefault(table, []).append(column)
    yield from by_table.items()


def _count(table: str, columns: list[str]) -> sql.Composed:
    text = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
    query = sql.SQL(
        "SELECT count(*) FILTER (WHERE said ~* %s), count(*) FILTER (WHERE said ~* %s)"
        " FROM (SELECT concat_ws(E'\\n', {}) AS said FROM {}) AS rows"
    )
    return query.format(text, sql.Identifier(table))
