"""The desk as staff see it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from accounts.models import Message
from complaints import services
from complaints.models import CannedAnswer, Case
from tests.factories import make_case, make_staff

QUEUE = "/admin/complaints/case/"


def page_of(case: Case, verb: str = "change") -> str:
    return f"{QUEUE}{case.pk}/{verb}/"


@pytest.fixture
def desk(client, agent):
    client.force_login(agent)
    return client


@pytest.fixture
def case(alice) -> Case:
    contact = services.Contact(name="王爱丽", phone="+8613812345678", email="alice.wang@example.com")
    return make_case(member=alice, subject="放不出来", body="一直是黑的。", contact=contact)


def test_whose_promise_ends_first_stands_first(desk, now):
    later, sooner = make_case(now=now), make_case(now=now - timedelta(days=13))
    overdue = make_case(now=now - timedelta(days=20))
    page = desk.get(QUEUE).content.decode()
    assert page.index(overdue.number) < page.index(sooner.number) < page.index(later.number)
    assert "已超期 5 天" in page
    assert "还剩 2 天" in page
    assert "还剩 15 天" in page


def test_the_queue_shows_no_word_of_what_was_said(desk, case):
    page = desk.get(QUEUE).content.decode()
    assert case.number in page
    assert case.subject not in page


@pytest.mark.parametrize(
    ("queue", "shown"),
    [
        ("", {"mine", "free", "late"}),
        ("?queue=mine", {"mine"}),
        ("?queue=unassigned", {"free", "late"}),
        ("?queue=overdue", {"late"}),
        ("?queue=answered", {"answered"}),
        ("?queue=closed", {"closed"}),
        ("?queue=all", {"mine", "free", "late", "answered", "closed"}),
    ],
)
def test_the_queue_can_be_narrowed(desk, agent, colleague, now, queue, shown):
    cases = {name: make_case(now=now) for name in ("mine", "free", "answered", "closed")}
    cases["late"] = make_case(now=now - timedelta(days=20))
    services.claim_case(case_id=cases["mine"].pk, by=agent, now=now)
    services.answer(case_id=cases["answered"].pk, body="答复", seen=1, by=colleague, now=now)
    services.close_case(case_id=cases["closed"].pk, decision="决定", seen=1, by=colleague, now=now)
    page = desk.get(QUEUE + queue).content.decode()
    assert {name for name, case in cases.items() if case.number in page} == shown


def test_a_case_is_found_by_its_number(desk, case):
    other = make_case()
    page = desk.get(QUEUE, {"q": case.number, "queue": "all"}).content.decode()
    assert page_of(case) in page
    assert page_of(other) not in page


def test_the_page_shows_the_dialogue_and_masks_the_contact(desk, case):
    page = desk.get(page_of(case)).content.decode()
    assert "放不出来" in page
    assert "一直是黑的。" in page
    assert "138****5678" in page
    for hidden in ("13812345678", "alice.wang@", "王爱丽"):
        assert hidden not in page


def test_without_the_permission_to_read_the_words_stay_hidden(client, case):
    clerk = make_staff()
    clerk.user_permissions.add(Permission.objects.get(codename="view_case"))
    client.force_login(clerk)
    page = client.get(page_of(case)).content.decode()
    assert case.number in page
    assert "您没有阅读往来内容的权限" in page
    for hidden in ("放不出来", "一直是黑的。"):
        assert hidden not in page
    assert "发送答复" not in page


@pytest.mark.parametrize("verb", ["claim", "answer", "close", "hand_over", "insert_canned"])
def test_who_may_only_look_presses_no_button(client, case, verb, agent):
    clerk = make_staff()
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_case", "view_entry"]))
    client.force_login(clerk)
    client.post(page_of(case, verb), {"body": "话", "seen": 1, "to": agent.pk})
    case.refresh_from_db()
    assert (case.assigned_to, case.status, case.entries.count()) == (None, "open", 1)


@pytest.mark.parametrize("verb", ["change", "claim", "answer", "close", "hand_over", "insert_canned"])
def test_staff_without_a_part_in_it_are_kept_out(client, case, verb):
    client.force_login(make_staff())
    assert client.post(page_of(case, verb), {"body": "话", "seen": 1}).status_code == 403


@pytest.mark.parametrize("verb", ["change", "answer", "close"])
def test_members_are_kept_out(client, case, bob, verb):
    client.force_login(bob)
    response = client.post(page_of(case, verb), {"body": "话", "seen": 1})
    assert response.status_code in (302, 403)
    assert case.entries.count() == 1


def test_a_button_is_no_link(desk, case):
    for verb in ("claim", "answer", "close", "hand_over", "insert_canned"):
        assert desk.get(page_of(case, verb)).status_code == 405


@pytest.mark.parametrize("wrong", ["999999", "abc", "1/2"])
def test_a_case_that_is_not_there_is_not_found(desk, wrong):
    assert desk.get(f"{QUEUE}{wrong}/change/").status_code == 404


def test_claim_answer_close(desk, case, agent):
    assert "已由您经办" in desk.post(page_of(case, "claim"), follow=True).content.decode()
    answered = desk.post(page_of(case, "answer"), {"body": "请刷新。", "seen": 2}, follow=True).content.decode()
    assert "答复已发出" in answered
    assert "请刷新。" in answered
    closed = desk.post(page_of(case, "close"), {"body": "已修复，决定退款。", "seen": 3}, follow=True).content.decode()
    assert "已办结" in closed
    assert "发送答复" not in closed
    case.refresh_from_db()
    assert (case.status, case.assigned_to) == (Case.Status.CLOSED, agent)
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("contact", "sentence"),
    [
        (services.Contact(), "对方没有留联系方式"),
        (services.Contact(email="v@example.com"), "对方会收到短信或邮件"),
    ],
)
def test_staff_know_whether_the_person_will_hear_of_it(desk, contact, sentence):
    assert sentence in desk.get(page_of(make_case(contact=contact))).content.decode()


def test_a_button_pressed_twice_is_no_mistake(desk, case):
    for _ in range(2):
        response = desk.post(page_of(case, "answer"), {"body": "请刷新。", "seen": 1})
        assert response.status_code == 302
    assert case.entries.count() == 2
    assert Message.objects.count() == 1


def test_the_draft_survives_when_the_member_wrote_meanwhile(desk, case, now):
    services.reply(case_id=case.pk, body="等等，我弄错了", seen=1, now=now)
    page = desk.post(page_of(case, "answer"), {"body": "写了半小时的答复", "seen": 1}).content.decode()
    assert "您打开页面后又有了新内容" in page
    assert "写了半小时的答复" in page
    assert "等等，我弄错了" in page
    assert 'name="seen" value="2"' in page


def test_an_empty_answer_is_shown_again(desk, case):
    assert "请写下内容" in desk.post(page_of(case, "answer"), {"body": " ", "seen": 1}).content.decode()


def test_a_colleagues_case_has_no_answer_box(desk, case, colleague, now):
    services.claim_case(case_id=case.pk, by=colleague, now=now)
    page = desk.get(page_of(case)).content.decode()
    assert "客服小林" in page
    assert "发送答复" not in page
    refused = desk.post(page_of(case, "answer"), {"body": "答复", "seen": 2}).content.decode()
    assert "这件事正由另一位同事经办" in refused


def test_a_case_is_handed_over(desk, case, colleague):
    page = desk.post(page_of(case, "hand_over"), {"to": colleague.pk}, follow=True).content.decode()
    assert "已转交" in page
    case.refresh_from_db()
    assert case.assigned_to == colleague


@pytest.mark.parametrize("to", ["", "999999", "x"])
def test_a_case_is_handed_to_nobody_unknown(desk, case, to):
    page = desk.post(page_of(case, "hand_over"), {"to": to}, follow=True).content.decode()
    assert "请选择一位可以经办的同事" in page


def test_ones_own_case_has_no_buttons(desk, agent):
    own = make_case(member=agent)
    page = desk.get(page_of(own)).content.decode()
    assert "发送答复" not in page
    assert "由我经办" not in page


def test_a_canned_answer_is_added_to_what_is_written(desk, case):
    canned = CannedAnswer.objects.create(title="刷新", body="请清空浏览器缓存后再试。")
    page = desk.post(
        page_of(case, "insert_canned"), {"canned": canned.pk, "body": "您好！", "seen": 1}
    ).content.decode()
    assert "您好！\n请清空浏览器缓存后再试。" in page
    assert case.entries.count() == 1


def test_choosing_no_canned_answer_keeps_the_draft(desk, case):
    for canned in ("", "999999"):
        page = desk.post(page_of(case, "insert_canned"), {"canned": canned, "body": "您好！", "seen": 1})
        assert "您好！" in page.content.decode()


def test_staff_keep_their_canned_answers(desk):
    desk.post("/admin/complaints/cannedanswer/add/", {"title": "刷新", "body": "请刷新。"})
    assert CannedAnswer.objects.get().title == "刷新"


def test_what_a_person_wrote_does_nothing_in_the_admin(desk):
    case = make_case(subject="<b>题</b>", body="<script>alert(1)</script>")
    page = desk.get(page_of(case)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("rows", [1, 20])
def test_the_queue_costs_the_same_for_one_row_and_for_twenty(desk, agent, now, rows, django_assert_max_num_queries):
    for _ in range(rows):
        services.claim_case(case_id=make_case().pk, by=agent, now=now)
    desk.get(QUEUE)
    with django_assert_max_num_queries(7):  # the savepoint that stands for the transaction included
        desk.get(QUEUE)


@pytest.mark.parametrize("answers", [1, 20])
def test_a_case_costs_the_same_however_long(desk, agent, now, answers, django_assert_max_num_queries):
    case = make_case()
    for turn in range(answers):
        services.answer(case_id=case.pk, body=f"第 {turn} 次", seen=turn + 1, by=agent, now=now)
    desk.get(page_of(case))
    with django_assert_max_num_queries(10):  # the savepoint included; two of them ask for permissions
        desk.get(page_of(case))


def test_the_front_page_says_what_waits(desk, agent, now):
    make_case(now=now - timedelta(days=20))
    mine = make_case(now=now)
    services.claim_case(case_id=mine.pk, by=agent, now=now)
    page = desk.get("/admin/").content.decode()
    assert "<strong>1</strong> 件投诉或咨询已超期" in page
    assert "<strong>1</strong> 件待答复，无人经办" in page
    assert "<strong>1</strong> 件待答复，由我经办" in page
    for queue in ("overdue", "unassigned", "mine"):
        assert f"{QUEUE}?queue={queue}" in page


def test_who_has_no_part_in_it_hears_of_no_case(client, db, now):
    make_case(now=now - timedelta(days=20))
    client.force_login(make_staff())
    assert "投诉或咨询" not in client.get("/admin/").content.decode()
