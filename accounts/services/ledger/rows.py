"""The rows that the ledger is written from: each in the transaction of what it tells of."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Closure, Erasure, Message, User
from accounts.models.erasure import hash_of_subject
from accounts.models.message import hash_of_destination
from accounts.services.ledger import files
from accounts.services.ledger.line import Line
from consent.lookups import Among

STEPS = [step.value for step in Closure.Step if step != Closure.Step.PROOF]  # that come before this is written down
SPARE = timedelta(days=31)  # how much longer than its file a row stays, so that no line is ever without its row
RECORD = """
    INSERT INTO accounts_erasure (kind, subject, number, contacts, steps, at)
    SELECT kind, subject, number, contacts, steps, at
    FROM jsonb_to_recordset(%s::jsonb)
        AS one (kind text, subject text, number text, contacts jsonb, steps jsonb, at timestamptz)
"""


def entries(
    closures: Iterable[tuple[Closure, User]], *, contacts: Iterable[tuple[str, int]], now: datetime
) -> list[dict[str, Any]]:
    """Put together what is to be noted of members who are erased, and of their numbers and addresses."""
    hashes: dict[int, set[str]] = defaultdict(set)
    for contact, owner in contacts:
        hashes[owner].add(hash_of_destination(contact).hex())
    alike = {"kind": Erasure.Kind.ERASED, "steps": STEPS, "at": str(now)}
    return [
        {
            **alike,
            "subject": hash_of_subject(member.subject),
            "number": closure.number,
            "contacts": sorted(hashes[member.pk]),
        }
        for closure, member in closures
    ]


def record(erased: list[dict[str, Any]]) -> None:
    """Note them in the transaction that erases: from here on they are nobody's."""
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [json.dumps(erased)])


def note_withdrawal(closure: Closure, *, member: User, now: datetime) -> None:
    """Note that a member stays: a backup from before must not erase them after all."""
    subject = hash_of_subject(member.subject)
    Erasure.objects.create(kind=Erasure.Kind.WITHDRAWN, subject=subject, number=closure.number, at=now)


def note_receipts(numbers: Iterable[str], *, now: datetime) -> None:
    """Note, in the transaction that issues them, the receipts of closures whose lines are written already.

    The others' lines are written with theirs: whoever writes waits for these rows until this transaction ends.
    """
    erased = Erasure.objects.erased().filter(number__among=Among(numbers)).select_for_update().order_by("pk")
    note_lines_of_receipts([number for number, place in erased.values_list("number", "sequence") if place], now=now)


def note_lines_of_receipts(numbers: Iterable[str], *, now: datetime) -> None:
    """Note that receipts are to have lines of their own. Safe to repeat."""
    receipts = [Erasure(kind=Erasure.Kind.RECEIPT, number=number, at=now) for number in numbers]
    Erasure.objects.bulk_create(receipts, ignore_conflicts=True)


def forget_outdated(*, now: datetime) -> int:
    """Delete the files, and later the rows, of what no backup could undo any more; return how many rows."""
    files.forget_before(files.kept_since(now))
    return outdated(now).delete()[0]


def outdated(now: datetime) -> QuerySet[Erasure]:
    """List the rows that no file and no backup needs any more."""
    return Erasure.objects.filter(at__lt=files.horizon(now) - SPARE - SPARE)


def forget_messages(line: Line) -> int:
    """Delete messages to contacts of somebody erased that were sent before: they belong to nobody's row."""
    hashes = [bytes.fromhex(contact) for contact in line.contacts]
    return Message.objects.filter(to_hash__in=hashes, created_at__lte=line.at).delete()[0]
