"""What the database refuses, whoever asks."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from complaints import services
from complaints.models import Case, Entry
from tests.factories import make_case


@pytest.mark.parametrize(
    "change",
    [
        {"status": "closed"},
        {"status": "answered"},
        {"status": "closed", "first_answered_at": "2026-11-24T00:00Z"},
        {"closed_at": "2026-11-24T00:00Z"},
        {"claim_hash": b"x" * 32},
        {"due_at": "2020-01-01T00:00Z"},
    ],
)
def test_a_case_that_contradicts_itself_is_refused(alice, change):
    case = make_case(member=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(**change)


def test_a_visitors_case_without_a_code_is_refused(db):
    case = make_case()
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(claim_hash=None)


def test_what_was_said_is_never_edited(alice, bob):
    entry = make_case(member=alice).entries.get()
    for change in ({"body": "别的话"}, {"voice": "staff"}, {"at": "2020-01-01T00:00Z"}, {"author": bob}):
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            Entry.objects.filter(pk=entry.pk).update(**change)


def test_staff_who_leave_take_their_name_along_and_nothing_else(alice, agent, colleague, now):
    case = make_case(member=alice)
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    answer = case.entries.get(voice="staff")
    with pytest.raises(DatabaseError), transaction.atomic():
        Entry.objects.filter(pk=answer.pk).update(author=colleague)
    with pytest.raises(DatabaseError), transaction.atomic():
        Entry.objects.filter(pk=answer.pk).update(author=None, body="改过的答复")
    Entry.objects.filter(author=agent).update(author=None)
    assert case.entries.get(voice="staff").body == "答复"


def test_only_staff_entries_name_an_author(alice, bob, now):
    case = make_case(member=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(case=case, voice="person", author=bob, body="话", at=now)
