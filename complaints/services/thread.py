"""The dialogue of a case, under its lock: who writes must have seen what was written before."""

from datetime import datetime

from accounts.models import User
from complaints.models import Case, Entry
from complaints.services.attaching import Attached, attach


class CaseClosed(Exception):
    """Nothing more can be said about a closed case."""


class ThreadMovedOn(Exception):
    """Something was said that the writer has not seen yet."""


class AlreadySaid(Exception):
    """The same words are the last of the dialogue already: a button pressed twice."""


def lock(case_id: int) -> Case:
    """Take the case for the rest of the transaction; whoever else wants to change it waits."""
    return Case.objects.select_for_update(of=("self",)).get(pk=case_id)


def expect(
    case: Case, *, seen: int, voice: str, body: str, author: User | None = None, attached: Attached | None = None
) -> None:
    """Refuse to add what would answer a dialogue that the writer did not see as it is now.

    :raises AlreadySaid: when the same person has just said the same
    :raises CaseClosed: when the case is closed
    :raises ThreadMovedOn: when there are entries beyond those seen
    """
    newer = list(case.entries.order_by("pk")[seen:])
    said = (voice, author and author.pk, body)
    if any((e.voice, e.author_id, e.body) == said and _shows_the_same(e, attached) for e in newer):
        raise AlreadySaid
    if case.is_closed:
        raise CaseClosed
    if any(e.voice != Entry.Voice.SYSTEM for e in newer):
        raise ThreadMovedOn


def _shows_the_same(entry: Entry, attached: Attached | None) -> bool:
    shown = sorted(entry.pictures.values_list("width", "height"))
    return shown == (attached.shapes if attached else [])


def add_from_person(case: Case, *, body: str, now: datetime, attached: Attached | None = None) -> Entry:
    entry = Entry.objects.create(case=case, voice=Entry.Voice.PERSON, body=body, at=now)
    attach(entry, attached, now=now)
    return entry


def add_from_staff(case: Case, *, body: str, by: User, now: datetime) -> Entry:
    return Entry.objects.create(case=case, voice=Entry.Voice.STAFF, author=by, body=body, at=now)


def add_from_system(case: Case, *, body: str, now: datetime) -> Entry:
    return Entry.objects.create(case=case, voice=Entry.Voice.SYSTEM, body=body, at=now)
