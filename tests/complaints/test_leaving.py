"""What becomes of cases when their member, or a member of staff, leaves."""

from datetime import timedelta

import pytest

from accounts import services as accounts
from complaints import closing, services
from complaints.models import Case, Entry
from consent import inventory
from tests.factories import make_case


def test_open_cases_are_named_as_a_consequence(alice, bob):
    make_case(member=bob)
    assert closing.consequences(alice) == []
    make_case(member=alice)
    (said,) = closing.consequences(alice)
    assert "1 件" in said.title
    assert said.url == "/me/complaints/"


def test_a_closed_case_is_no_open_matter(alice, agent, now):
    case = make_case(member=alice)
    services.close_case(case_id=case.pk, decision="决定", seen=1, by=agent, now=now)
    assert closing.consequences(alice) == []


def test_nothing_stands_in_the_way_of_leaving(alice):
    make_case(member=alice)
    assert closing.release(alice) is None


def test_the_members_cases_go_and_everybody_elses_stay(alice, bob, agent, now):
    for member in (alice, bob):
        case = make_case(member=member)
        services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    anonymous = make_case()
    inventory.erase(member_ids=[alice.pk])
    assert set(Case.objects.values_list("member", flat=True)) == {bob.pk, None}
    assert anonymous in Case.objects.all()
    assert Entry.objects.count() == 3


def test_staff_who_leave_leave_their_answers_without_a_name(bob, agent, now):
    case = make_case(member=bob)
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    inventory.erase(member_ids=[agent.pk])
    case.refresh_from_db()
    assert case.assigned_to is None
    assert case.entries.get(voice="staff").author is None
    assert case.entries.get(voice="staff").body == "答复"


@pytest.mark.parametrize(
    ("mine", "left"),
    [
        ({"phone": "+8613800138000"}, ("", "")),
        ({"email": "Alice@Example.com"}, ("", "")),
        ({"phone": "+8613800138000", "email": "colleague@example.com"}, ("", "colleague@example.com")),
    ],
)
def test_a_case_written_without_signing_in_loses_the_contact_of_who_leaves(alice, now, mine, left):
    alice.set_phone("+8613800138000", verified=True)
    alice.save()
    theirs = make_case(contact=services.Contact(name="王爱丽", **mine))
    bobs = make_case(contact=services.Contact(name="李波", phone="+8613900139000", email="bob@example.com"))
    accounts.close_account(member=alice, now=now - timedelta(days=8))
    assert accounts.purge_due(now=now) == 1
    for case in (theirs, bobs):
        case.refresh_from_db()
    assert (theirs.contact_name, theirs.contact_phone, theirs.contact_email) == ("", *left)
    assert [theirs.contact_phone_hash, theirs.contact_email_hash].count(None) == left.count("")
    assert theirs.entries.get().body == "第二讲打开以后一直是黑的。"
    assert (bobs.contact_name, bobs.contact_phone, bobs.contact_email) == ("李波", "+8613900139000", "bob@example.com")
