"""Putting something before us, with and without an account."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.urls import reverse

from complaints.models import Case, Entry
from tests.factories import make_case

COMPLAINT = "/complaints/new/complaint/"


def words(**changes):
    return {
        "subject": "课程放不出来",
        "body": "第二讲打开以后一直是黑的。",
        "contact_name": "",
        "contact_phone": "",
        "contact_email": "",
        "form_token": str(uuid4()),
        **changes,
    }


@pytest.mark.parametrize("kind", Case.Kind.values)
def test_every_kind_has_its_form(client, db, kind):
    page = client.get(reverse("complaints:new", args=[kind])).content.decode()
    assert f"提出{Case.Kind(kind).label}" in page
    assert "没有办法告诉您" in page


def test_an_unknown_kind_has_none(client, db):
    assert client.get("/complaints/new/revenge/").status_code == 404


def test_a_visitor_gets_a_number_a_code_and_a_day(client, db, time_machine):
    time_machine.move_to(datetime(2026, 11, 24, 2, 0, tzinfo=UTC), tick=False)
    page = client.post(COMPLAINT, words(), follow=True)
    case = Case.objects.get()
    text = page.content.decode()
    code = page.redirect_chain[-1][0].strip("/").split("/")[-1]
    assert case.member is None
    assert case.number in text
    assert code in text
    assert "2026年12月9日" in text
    assert "已用 0 天 / 15 天" in text
    assert Entry.objects.get(case=case).body == "第二讲打开以后一直是黑的。"


def test_a_member_gets_a_number_and_needs_no_code(client, alice):
    client.force_login(alice)
    page = client.post(COMPLAINT, words(), follow=True)
    case = Case.objects.get()
    assert case.member == alice
    assert case.claim_hash is None
    assert page.redirect_chain[-1][0] == reverse("complaints:my_case", args=[case.number])
    assert "查询码" not in page.content.decode()


def test_the_promise_is_fifteen_days_by_the_calendar_of_china(db):
    # 23:30 in Shanghai is still the 24th, 00:30 is the 25th; both are the 24th in London.
    late = make_case(now=datetime(2026, 11, 24, 15, 30, tzinfo=UTC))
    early = make_case(now=datetime(2026, 11, 24, 16, 30, tzinfo=UTC))
    assert late.due_at == datetime(2026, 12, 9, 15, 59, 59, tzinfo=UTC)
    assert early.due_at == datetime(2026, 12, 10, 15, 59, 59, tzinfo=UTC)


def test_the_same_form_sent_twice_is_one_case_and_shows_the_same_code(client, db):
    said = words()
    first, second = (client.post(COMPLAINT, said)["Location"] for _ in range(2))
    assert first == second
    assert Case.objects.count() == Entry.objects.count() == 1


def test_other_words_from_the_same_form_are_another_case(client, db):
    said = words()
    first = client.post(COMPLAINT, said)["Location"]
    second = client.post(COMPLAINT, {**said, "body": "还有一件事。"})["Location"]
    assert first != second
    assert Case.objects.count() == 2


def test_the_same_form_sent_by_somebody_else_opens_a_case_of_their_own(client, alice, bob):
    said = words()
    for member in (alice, bob):
        client.force_login(member)
        client.post(COMPLAINT, said)
    assert list(Case.objects.order_by("pk").values_list("member", flat=True)) == [alice.pk, bob.pk]


def test_contact_is_kept_as_it_can_be_used(client, db):
    client.post(COMPLAINT, words(contact_name="陈医生", contact_phone="138 0013 8000", contact_email="c@example.com"))
    case = Case.objects.get()
    assert (case.contact_name, case.contact_phone, case.contact_email) == ("陈医生", "+8613800138000", "c@example.com")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("subject", "", "请用一句话写下是什么事"),
        ("subject", "长" * 61, "标题最多 60 个字"),
        ("body", "", "请写下内容"),
        ("body", "长" * 5001, "最多 5000 个字，现在有 5001 个"),
        ("body", "长" * 34_000, "最多 5000 个字，现在有 34000 个"),
        ("body", "前\x00后", "不允许是用空字符"),
        ("contact_phone", "12345", "这不像一个手机号"),
        ("contact_email", "nobody", "邮箱"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(client, db, field, value, sentence):
    said = words(body="写了很久的一段话", **{field: value}) if field != "body" else words(body=value)
    page = client.post(COMPLAINT, said).content.decode()
    assert sentence in page
    assert said["body"].replace("\x00", "") in page.replace("\x00", "")
    assert Case.objects.count() == 0


def test_a_line_end_counts_once_whatever_the_browser_sends(client, db):
    client.post(COMPLAINT, words(body="行\r\n" * 2499 + "行"))
    assert Entry.objects.get().body == "行\n" * 2499 + "行"


def test_html_is_shown_as_it_was_typed_and_does_nothing(client, db):
    page = client.post(COMPLAINT, words(subject="<b>题</b>", body="<script>alert(1)</script>"), follow=True)
    text = page.content.decode()
    assert "&lt;b&gt;题&lt;/b&gt;" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def test_marks_that_turn_the_reading_direction_are_dropped(client, db):
    client.post(COMPLAINT, words(subject="\u202e款退不", body="请\u2067看\u2069这里\u200f"))
    case = Case.objects.get()
    assert case.subject == "款退不"
    assert case.entries.get().body == "请看这里"


@pytest.mark.parametrize("token", ["", "1", "x" * 5000])
def test_a_form_without_a_token_is_shown_again(client, db, token):
    client.post(COMPLAINT, words(form_token=token))
    assert Case.objects.count() == 0


def test_an_address_that_asks_too_often_waits_and_keeps_its_words(client, db):
    for _ in range(20):
        client.post(COMPLAINT, words())
    refused = client.post(COMPLAINT, words(body="第二十一件"))
    assert refused.status_code == 429
    assert "第二十一件" in refused.content.decode()
    assert Case.objects.count() == 20


def test_a_member_is_counted_apart_from_the_address_they_share(client, alice):
    for _ in range(20):
        client.post(COMPLAINT, words())
    client.force_login(alice)
    assert client.post(COMPLAINT, words()).status_code == 302


def test_the_front_page_offers_every_kind_and_looking_up(client, db):
    page = client.get(reverse("complaints:index")).content.decode()
    for kind in Case.Kind.values:
        assert reverse("complaints:new", args=[kind]) in page
    assert 'name="code"' in page
    assert "15 个自然日" in page
