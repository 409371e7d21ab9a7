"""What staff may do with a case, and what becomes of it."""

import pytest

from accounts.models import Message
from complaints import services
from complaints.models import Case, Entry
from complaints.services import desk
from tests.factories import make_case, make_member, make_staff


@pytest.fixture
def case(alice) -> Case:
    return make_case(member=alice)


def test_an_answer_is_read_by_the_member_and_told_by_mail(case, alice, agent, now):
    services.answer(case_id=case.pk, body="请刷新后再试。", seen=1, by=agent, now=now)
    case.refresh_from_db()
    assert case.status == Case.Status.ANSWERED
    assert case.first_answered_at == now
    assert case.assigned_to == agent
    message = Message.objects.get()
    assert (message.channel, message.to, message.member) == ("mail", "alice@example.com", alice)
    assert case.number in message.body
    assert f"/me/complaints/{case.number}/" in message.body


def test_a_member_with_a_proven_number_is_told_by_sms(agent, now):
    doctor = make_member(email=None)
    doctor.set_phone("+8613800138000", verified=True)
    doctor.save()
    case = make_case(member=doctor)
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    message = Message.objects.get()
    assert (message.channel, message.to) == ("sms", "+8613800138000")


def test_nothing_of_what_was_said_is_in_a_message(case, agent, now):
    services.answer(case_id=case.pk, body="私密的答复", seen=1, by=agent, now=now)
    message = Message.objects.get()
    told = f"{message.subject} {message.body} {message.params}"
    assert "私密的答复" not in told
    assert case.subject not in told


@pytest.mark.parametrize(
    ("contact", "channel", "to"),
    [
        ({"email": "v@example.com", "phone": "+8613900139000"}, "mail", "v@example.com"),
        ({"phone": "+8613900139000"}, "sms", "+8613900139000"),
    ],
)
def test_a_visitor_who_left_contact_is_told(agent, now, contact, channel, to):
    case = make_case(contact=services.Contact(**contact))
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    message = Message.objects.get()
    assert (message.channel, message.to, message.member) == (channel, to, None)
    assert "凭查询码" in message.body


def test_a_visitor_who_left_nothing_is_told_nothing(agent, now):
    services.answer(case_id=make_case().pk, body="答复", seen=1, by=agent, now=now)
    assert not Message.objects.exists()


def test_who_is_leaving_is_told_nothing(case, alice, agent, now):
    alice.closing_at = now
    alice.save()
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    assert not Message.objects.exists()


def test_the_second_answer_does_not_move_the_first_ones_time(case, agent, now):
    services.answer(case_id=case.pk, body="第一次", seen=1, by=agent, now=now)
    services.reply(case_id=case.pk, body="再问", seen=2, now=now)
    later = now.replace(year=now.year + 1)
    services.answer(case_id=case.pk, body="第二次", seen=3, by=agent, now=later)
    case.refresh_from_db()
    assert case.first_answered_at == now


def test_a_decision_closes_the_case_and_is_told(case, agent, now):
    services.close_case(case_id=case.pk, decision="退款，理由如下。", seen=1, by=agent, now=now)
    case.refresh_from_db()
    assert (case.status, case.closed_at, case.first_answered_at) == (Case.Status.CLOSED, now, now)
    assert [e.voice for e in case.entries.order_by("pk")] == ["person", "staff", "system"]
    assert "已办结" in Message.objects.get().body


def test_an_answer_to_what_one_has_not_read_is_refused(case, agent, now):
    services.reply(case_id=case.pk, body="等等，我弄错了", seen=1, now=now)
    with pytest.raises(services.ThreadMovedOn):
        services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    assert not Message.objects.exists()


def test_an_answer_sent_twice_is_told_once(case, agent, now):
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    with pytest.raises(services.AlreadySaid):
        services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    assert Message.objects.count() == 1


def test_a_decision_sent_twice_is_told_once(case, agent, now):
    services.close_case(case_id=case.pk, decision="决定", seen=1, by=agent, now=now)
    with pytest.raises(services.AlreadySaid):
        services.close_case(case_id=case.pk, decision="决定", seen=1, by=agent, now=now)
    assert Message.objects.count() == 1


def test_a_closed_case_stays_as_it_is(case, agent, colleague, now):
    services.close_case(case_id=case.pk, decision="决定", seen=1, by=agent, now=now)
    for act in (
        lambda: services.answer(case_id=case.pk, body="还有", seen=3, by=agent, now=now),
        lambda: services.claim_case(case_id=case.pk, by=agent, now=now),
        lambda: services.hand_over(case_id=case.pk, to=colleague, by=agent, now=now),
        lambda: services.reply(case_id=case.pk, body="还有", seen=3, now=now),
    ):
        with pytest.raises(services.CaseClosed):
            act()
    assert case.entries.count() == 3


def test_a_case_belongs_to_whoever_claims_it_first(case, agent, colleague, now):
    services.claim_case(case_id=case.pk, by=agent, now=now)
    with pytest.raises(services.AlreadyClaimed):
        services.claim_case(case_id=case.pk, by=agent, now=now)
    with pytest.raises(services.SomebodyElsesCase):
        services.claim_case(case_id=case.pk, by=colleague, now=now)
    with pytest.raises(services.SomebodyElsesCase):
        services.answer(case_id=case.pk, body="答复", seen=2, by=colleague, now=now)
    case.refresh_from_db()
    assert case.assigned_to == agent


def test_after_a_hand_over_the_colleague_goes_on(case, agent, colleague, now):
    services.claim_case(case_id=case.pk, by=agent, now=now)
    services.hand_over(case_id=case.pk, to=colleague, by=agent, now=now)
    services.answer(case_id=case.pk, body="由我答复", seen=3, by=colleague, now=now)
    case.refresh_from_db()
    assert case.assigned_to == colleague
    assert "转交" in "".join(e.body for e in case.entries.filter(voice="system"))


def test_a_case_is_handed_only_to_who_may_answer(case, agent, bob, now):
    with pytest.raises(services.NotEntitled):
        services.hand_over(case_id=case.pk, to=bob, by=agent, now=now)
    retired = make_staff(role="客服", is_active=False)
    with pytest.raises(services.NotEntitled):
        services.hand_over(case_id=case.pk, to=retired, by=agent, now=now)


def test_nobody_decides_what_they_brought_themselves(agent, colleague, now):
    own = make_case(member=agent)
    with pytest.raises(services.OwnCase):
        services.answer(case_id=own.pk, body="我觉得我说得对", seen=1, by=agent, now=now)
    with pytest.raises(services.OwnCase):
        services.claim_case(case_id=own.pk, by=agent, now=now)
    with pytest.raises(services.OwnCase):
        services.hand_over(case_id=own.pk, to=agent, by=colleague, now=now)


def test_without_the_permission_nothing_is_done(case, bob, agent, now):
    for act in (
        lambda: services.answer(case_id=case.pk, body="答复", seen=1, by=bob, now=now),
        lambda: services.close_case(case_id=case.pk, decision="决定", seen=1, by=bob, now=now),
        lambda: services.claim_case(case_id=case.pk, by=bob, now=now),
        lambda: services.hand_over(case_id=case.pk, to=agent, by=bob, now=now),
    ):
        with pytest.raises(services.NotEntitled):
            act()
    assert Entry.objects.count() == 1


def test_the_role_of_support_has_what_the_desk_needs(db):
    needed = [desk.MAY_READ, desk.MAY_ANSWER, desk.MAY_HAND_OVER, "complaints.view_case"]
    assert make_staff(role="客服").has_perms(needed)
