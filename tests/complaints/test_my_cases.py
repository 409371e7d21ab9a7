"""A member's own list and dialogues."""

from datetime import timedelta

import pytest
from django.utils import timezone

from complaints import services
from complaints.models import Case, Entry
from tests.factories import make_case


def page_of(case: Case) -> str:
    return f"/me/complaints/{case.number}/"


def test_a_member_sees_their_own_and_nobody_elses(client, alice, bob):
    mine, theirs = make_case(member=alice, subject="爱丽的事"), make_case(member=bob, subject="李波的事")
    client.force_login(alice)
    listed = client.get("/me/complaints/").content.decode()
    assert "爱丽的事" in listed
    assert "李波的事" not in listed
    assert client.get(page_of(mine)).status_code == 200
    assert client.get(page_of(theirs)).status_code == 404


def test_nobody_writes_into_anothers_case(client, alice, bob):
    theirs = make_case(member=bob)
    client.force_login(alice)
    assert client.post(page_of(theirs), {"body": "偷偷写的", "seen": 1}).status_code == 404
    assert theirs.entries.count() == 1


@pytest.mark.parametrize("address", ["/me/complaints/", "/me/complaints/C20261124-AAAAAAAA/"])
def test_who_is_not_signed_in_is_asked_to_sign_in(client, db, address):
    assert client.get(address)["Location"].startswith("/account/login/")


def test_an_empty_list_leads_on(client, alice):
    client.force_login(alice)
    page = client.get("/me/complaints/").content.decode()
    assert "还没有提出过什么" in page


def test_days_are_counted_before_ones_eyes(client, alice):
    case = make_case(member=alice, now=timezone.now() - timedelta(days=3))
    client.force_login(alice)
    assert "已用 3 天 / 15 天" in client.get(page_of(case)).content.decode()
    assert "已用 3 天 / 15 天" in client.get("/me/complaints/").content.decode()
    assert "已用 3 天 / 15 天" in client.get("/complaints/").content.decode()


def test_a_broken_promise_is_admitted(client, alice):
    case = make_case(member=alice, now=timezone.now() - timedelta(days=17))
    client.force_login(alice)
    page = client.get(page_of(case)).content.decode()
    assert "已经超期，我们正在催办" in page
    assert "已用 15 天 / 15 天" in page


def test_writing_back_after_an_answer_asks_for_another_one_in_fifteen_days(client, alice, agent):
    asked, replied = timezone.now() - timedelta(days=14), timezone.now()
    case = make_case(member=alice, now=asked)
    Case.objects.update(reminded_at=asked, alarmed_at=asked)
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=replied)
    client.force_login(alice)
    client.post(page_of(case), {"body": "还是不行", "seen": 2})
    case.refresh_from_db()
    assert case.status == Case.Status.OPEN
    assert case.days_left(replied) == 15
    assert (case.reminded_at, case.alarmed_at) == (None, None)
    assert case.first_answered_at == replied


def test_writing_more_before_the_answer_moves_no_date(client, alice):
    case = make_case(member=alice, now=timezone.now() - timedelta(days=5))
    client.force_login(alice)
    client.post(page_of(case), {"body": "补充一句", "seen": 1})
    assert Case.objects.get().due_at == case.due_at


def test_the_same_reply_sent_twice_stands_there_once(client, alice):
    case = make_case(member=alice)
    client.force_login(alice)
    for _ in range(2):
        response = client.post(page_of(case), {"body": "补充一句", "seen": 1})
    assert response.status_code == 302
    assert case.entries.count() == 2


def test_who_has_not_seen_the_answer_reads_it_before_writing(client, alice, agent, now):
    case = make_case(member=alice)
    services.answer(case_id=case.pk, body="刚写好的答复", seen=1, by=agent, now=now)
    client.force_login(alice)
    page = client.post(page_of(case), {"body": "怎么还没有答复", "seen": 1}).content.decode()
    assert "刚刚有了新的内容" in page
    assert "刚写好的答复" in page
    assert "怎么还没有答复" in page
    assert 'name="seen" value="2"' in page
    assert case.entries.count() == 2


def test_a_note_of_the_system_stops_nobody_from_writing(client, alice, agent, now):
    case = make_case(member=alice)
    services.claim_case(case_id=case.pk, by=agent, now=now)
    client.force_login(alice)
    assert client.post(page_of(case), {"body": "补充一句", "seen": 1}).status_code == 302


def test_a_closed_case_takes_no_reply_and_shows_the_way_to_appeal(client, alice, agent, now):
    case = make_case(member=alice)
    services.close_case(case_id=case.pk, decision="决定与理由", seen=1, by=agent, now=now)
    client.force_login(alice)
    page = client.get(page_of(case)).content.decode()
    assert "/complaints/new/appeal/" in page
    assert "<textarea" not in page
    late = client.post(page_of(case), {"body": "写了一半的话", "seen": 1}).content.decode()
    assert "已经办结" in late
    assert "写了一半的话" in late
    assert case.entries.count() == 3


@pytest.mark.parametrize(
    "hostile", [{"body": "话", "seen": "-1"}, {"body": "话"}, {"body": "话", "seen": "x" * 999}, {}]
)
def test_a_form_that_was_tampered_with_adds_nothing(client, alice, hostile):
    case = make_case(member=alice)
    client.force_login(alice)
    assert client.post(page_of(case), hostile).status_code == 200
    assert case.entries.count() == 1


def test_replies_come_in_bounds(client, alice):
    case = make_case(member=alice)
    client.force_login(alice)
    for turn in range(60):
        client.post(page_of(case), {"body": f"第 {turn} 句", "seen": turn + 1})
    page = client.post(page_of(case), {"body": "第六十一句", "seen": 61}).content.decode()
    assert "太频繁" in page
    assert "第六十一句" in page
    assert case.entries.count() == 61


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("address", ["/me/complaints/", "/complaints/"])
def test_a_list_costs_the_same_for_one_row_and_for_twenty(client, alice, rows, address, django_assert_max_num_queries):
    for _ in range(rows):
        make_case(member=alice)
    client.force_login(alice)
    client.get(address)
    with django_assert_max_num_queries(5):  # the savepoint that stands for the transaction included
        client.get(address)


@pytest.mark.parametrize("rows", [1, 20])
def test_a_dialogue_costs_the_same_for_one_entry_and_for_twenty(client, alice, rows, django_assert_max_num_queries):
    case = make_case(member=alice)
    for turn in range(rows - 1):
        Entry.objects.create(case=case, voice="person", body=f"第 {turn} 句", at=timezone.now())
    client.force_login(alice)
    client.get(page_of(case))
    with django_assert_max_num_queries(7):  # the savepoint included; one asks which permissions may be offered
        client.get(page_of(case))


def test_a_long_list_has_pages(client, alice):
    for turn in range(21):
        make_case(member=alice, subject=f"第{turn}件", now=timezone.now() - timedelta(hours=turn))
    client.force_login(alice)
    assert "第20件" not in client.get("/me/complaints/").content.decode()
    assert "第20件" in client.get("/me/complaints/?page=2").content.decode()
    assert client.get("/me/complaints/?page=abc").status_code == 200
