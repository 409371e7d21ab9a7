"""Leaving: the page, the door, and the way back while there is one."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.closing import Consequence
from accounts.models import Closure, Export, Message, User
from courses.models import Order
from tests import canaries
from tests.factories import make_case, make_member, make_order, make_paid_order, make_staff

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
CLOSE, CLOSING = "/me/close/", "/me/closing/"
CHINA = ZoneInfo("Asia/Shanghai")


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def signed_in(member) -> Client:
    """Sign in as a person does: allauth writes down the device."""
    EmailAddress.objects.get_or_create(user=member, email=member.email, verified=True, primary=True)
    client = Client()
    client.post("/account/login/", {"login": member.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


def code_sent_to(member) -> str:
    message = Message.objects.filter(member=member, template="code").latest("pk")
    return re.search(r"\d{6}", message.body)[0]


@pytest.fixture
def door(alice) -> Client:
    return signed_in(alice)


def test_the_page_tells_what_goes_what_stays_and_until_when(door, alice, documents, now):
    services.close_account(member=alice, now=now)
    services.withdraw_closure(member=alice, now=now)
    page = signed_in(alice).get(CLOSE).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    deleted, kept = text.split("保留，但去掉姓名")
    assert "同意的佐证 2 条" in deleted
    assert "同意记录 2 条 长期；注销后不再指向任何人。个人信息保护法 第六十九条" in kept
    assert "注销编号与办理时间 2 条 自结束时间起 3 年。个人信息保护法 第六十九条" in kept


def test_the_page_says_until_when_the_last_row_of_a_kind_stays_when_that_is_known(door, alice):
    order = make_paid_order(member=alice)
    ended = datetime(2025, 2, 28, 12, tzinfo=CHINA)
    Order.objects.filter(pk=order.pk).update(completed_at=ended)
    earlier = make_paid_order(member=alice)
    Order.objects.filter(pk=earlier.pk).update(completed_at=ended - timedelta(days=300))
    assert re.search(r"订单 2 条 自\S+起 3 年，最后一条到 2028年2月28日。", text_of(door.get(CLOSE)))
    make_order(member=alice)  # it is not completed, so nobody knows
    assert re.search(r"订单 3 条 自\S+起 3 年。", text_of(door.get(CLOSE)))


def test_the_page_counts_the_files_that_go(door, alice, bob):
    assert "上传和导出的文件" not in text_of(door.get(CLOSE))
    canaries.upload(bob, "他人")
    for name in ("照片", "附件"):
        canaries.upload(alice, name)
    assert "上传和导出的文件 2 个" in text_of(door.get(CLOSE))


def test_the_page_is_true_of_what_stays_for_a_term_and_of_what_stays_for_long(door, documents):
    said = text_of(door.get(CLOSE))
    assert "写明期限的，到期同样删除；长期保留的，也不再指向任何人" in said


def test_an_export_is_offered_before_the_door_and_stands_in_nobodys_way(door, alice, now):
    page = door.get(CLOSE).content.decode()
    assert page.index('href="/me/export/"') < page.index('id="door"')
    assert "不导出也不影响注销" in page
    services.request_export(member=alice, now=now)
    assert "您的导出正在准备" in door.get(CLOSE).content.decode()
    assert services.build_due_exports(now=now) == 1
    ready = text_of(door.get(CLOSE))
    assert "您有一份导出可以下载到" in ready
    assert "去下载" in ready
    Export.objects.update(ended_at=now - timedelta(days=8))
    assert "不导出也不影响注销" in door.get(CLOSE).content.decode()
    assert door.post(CLOSE, {"password": PASSWORD}).status_code == 302


def test_somebody_elses_export_is_not_offered(door, bob, now):
    services.request_export(member=bob, now=now)
    assert "您的导出正在准备" not in door.get(CLOSE).content.decode()


def test_open_matters_are_told_and_stand_in_nobodys_way(door, alice):
    make_case(member=alice)
    page = door.get(CLOSE)
    assert "1 件投诉或咨询还没有办结" in page.content.decode()
    assert door.post(CLOSE, {"password": PASSWORD}).status_code == 302
    assert User.objects.get(pk=alice.pk).is_closing


def test_every_app_is_asked_for_its_consequences(alice, monkeypatch):
    monkeypatch.setattr("complaints.closing.consequences", lambda member: [Consequence("一件事", "会怎样")])
    assert b"\xe4\xb8\x80\xe4\xbb\xb6\xe4\xba\x8b" in signed_in(alice).get(CLOSE).content


def test_closing_takes_the_password_and_nothing_else(door, alice, now):
    answer = door.post(CLOSE, {"password": PASSWORD})
    closure = Closure.objects.get(member=alice)
    assert answer["Location"] == f"/goodbye/{closure.number}/"
    assert closure.state == "cooling"
    assert closure.due_at - closure.requested_at == timedelta(days=7)


@pytest.mark.parametrize("typed", ["", "wrong password"])
def test_a_wrong_password_closes_nothing(door, alice, typed):
    answer = door.post(CLOSE, {"password": typed})
    assert answer.status_code == 200
    assert "密码不正确" in answer.content.decode() or "必填" in answer.content.decode()
    assert not User.objects.get(pk=alice.pk).is_closing


def test_guessing_passwords_is_slowed_down(door, alice):
    for _ in range(11):
        answer = door.post(CLOSE, {"password": "wrong password"})
    assert "尝试次数过多" in answer.content.decode()
    assert "尝试次数过多" in door.post(CLOSE, {"password": PASSWORD}).content.decode()
    assert not User.objects.get(pk=alice.pk).is_closing


@pytest.mark.django_db(transaction=True)
def test_all_devices_are_signed_out_at_once(alice, bob):
    devices = [signed_in(alice) for _ in range(3)]
    bobs = signed_in(bob)
    devices[0].post(CLOSE, {"password": PASSWORD})
    for device in devices:
        assert device.get("/me/")["Location"].startswith("/account/login/")
    assert not UserSession.objects.filter(user=alice).exists()
    assert Session.objects.count() == 1
    assert bobs.get("/me/").status_code == 200


def test_a_number_is_left_in_the_hand_and_on_the_way(door, alice):
    page = door.post(CLOSE, {"password": PASSWORD}, follow=True)
    number = Closure.objects.get(member=alice).number
    assert re.fullmatch(r"ZX(-[2-9A-HJKMNP-Z]{4}){3}", number)
    assert number in page.content.decode()
    assert number in Message.objects.get(member=alice).body


def test_the_goodbye_page_is_for_whoever_has_the_number_and_names_nobody(door, alice):
    door.post(CLOSE, {"password": PASSWORD})
    page = Client().get(Closure.objects.get(member=alice).get_absolute_url())
    assert page.status_code == 200
    assert not {alice.email, alice.name} & set(re.findall(r"[\w@.]+", page.content.decode()))
    assert "no-store" in page["Cache-Control"]
    assert Client().get("/goodbye/ZX-2222-2222-2222/").status_code == 404


def test_the_goodbye_page_tells_when_it_is_done(alice, now):
    closure = services.close_account(member=alice, now=now - timedelta(days=8))
    services.purge_due(now=now)
    page = Client().get(closure.get_absolute_url()).content.decode()
    assert "账号已删除" in page
    assert not re.findall(r"\d+ 条", page), "the exact number would tell what the receipt leaves coarse"


STANDS = {
    "running": ("正在删除", "已经开始删除，不能再撤回，通常几分钟办完"),
    "verifying": ("正在核查", "您的信息已经删除，正在核查有没有遗留"),
    "blocked": ("删除遇到了故障", "正在自动重试"),
    "held": ("信息已经删除", "收据还要等一件事"),
}


@pytest.mark.parametrize("state", STANDS)
def test_each_state_is_told_as_it_is_with_the_day_that_was_promised(alice, state):
    asked = datetime(2026, 11, 2, 9, tzinfo=CHINA)
    closure = services.close_account(member=alice, now=asked)
    brought_to(closure, state)
    with time_machine.travel(datetime(2026, 11, 17, 8, tzinfo=CHINA)):
        pages = [text_of(Client().get(closure.get_absolute_url()))]
        if state in {"running", "blocked"}:  # the others have nobody any more who could sign in
            pages.append(text_of(signed_in(alice).get(CLOSING)))
    head, said = STANDS[state]
    assert head in pages[0]
    for told in pages:
        assert said in told
        assert ("最迟2026年11月17日办完" in told) == (state != "held")
        assert ("几分钟" in told) == (state in {"running", "verifying"})
    with time_machine.travel(datetime(2026, 11, 18, 8, tzinfo=CHINA)):
        late = text_of(Client().get(closure.get_absolute_url()))
    assert ("没能在承诺的2026年11月17日以前办完" in late) == (state != "held")
    assert "最迟" not in late


def brought_to(closure: Closure, state: str) -> None:
    """Let the purge have come this far, the way the database allows."""
    ours = Closure.objects.filter(pk=closure.pk)
    ours.update(state="running", step="rows")
    if state == "blocked":
        ours.update(state="blocked")
    if state in {"verifying", "held"}:
        ours.update(state="verifying", step="proof", member=None, erased_at=closure.requested_at)
        ours.update(state=state)


def test_who_is_due_and_still_there_reads_of_no_day_that_is_over(alice):
    due = timezone.localtime() - timedelta(days=1)
    closure = services.close_account(member=alice, now=due - timedelta(days=7))
    for told in (Client().get(closure.get_absolute_url()), signed_in(alice).get(CLOSING)):
        page = text_of(told)
        assert "随时" in page
        assert f"{due.month}月{due.day}日" not in page
    Closure.objects.update(requested_at=due - timedelta(days=30))
    for told in (Client().get(closure.get_absolute_url()), signed_in(alice).get(CLOSING)):
        assert not re.search("最晚|最迟", text_of(told)), "a day that is over is promised no more"
    Closure.objects.update(is_final=True)
    assert "就要开始删除，不能撤回" in text_of(Client().get(closure.get_absolute_url()))


def test_a_second_click_is_harmless(alice, now):
    first = services.close_account(member=alice, now=now)
    with pytest.raises(services.AlreadyClosing) as again:
        services.close_account(member=alice, now=now)
    assert again.value.closure == first
    assert Closure.objects.count() == 1


def test_a_second_tab_is_led_to_sign_in_and_from_there_to_the_closing_page(alice):
    tabs = signed_in(alice)
    tabs.get(CLOSE)
    tabs.post(CLOSE, {"password": PASSWORD})
    again = tabs.post(CLOSE, {"password": PASSWORD})
    assert again["Location"].startswith("/account/login/")
    assert signed_in(alice).get(CLOSE)["Location"] == CLOSING


def test_who_forgot_the_password_closes_with_a_code_by_mail(door, alice):
    asked = door.post("/me/prove/close/", {"channel": "mail"})
    assert asked["Location"] == "/me/close/?with=code#proof"
    door.post(CLOSE + "?with=code", {"code": code_sent_to(alice)})
    assert User.objects.get(pk=alice.pk).is_closing


def test_who_has_no_password_closes_with_a_code_by_sms():
    member = make_member(email=None, phone_verified=False)
    member.set_phone("+8613800138000", verified=True)
    member.set_unusable_password()
    member.save()
    client = Client()
    client.force_login(member)
    assert "先获取六位验证码" in client.get(CLOSE).content.decode()
    assert "请先获取验证码" in client.post(CLOSE, {}).content.decode()
    client.post("/me/prove/close/", {"channel": "sms"})
    client.post(CLOSE + "?with=code", {"code": code_sent_to(member)})
    assert User.objects.get(pk=member.pk).is_closing


def test_who_has_neither_password_nor_contact_is_not_held_back():
    member = make_member(email=None, password=None)
    client = Client()
    client.force_login(member)
    client.post(CLOSE, {})
    assert User.objects.get(pk=member.pk).is_closing


def test_a_code_is_tried_five_times_at_most(door, alice):
    door.post("/me/prove/close/", {"channel": "mail"})
    code = code_sent_to(alice)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(5):
        assert "验证码不正确" in door.post(CLOSE + "?with=code", {"code": wrong}).content.decode()
    door.post(CLOSE + "?with=code", {"code": code})
    assert not User.objects.get(pk=alice.pk).is_closing


def test_a_code_proves_one_act_once(door, alice, now):
    door.post("/me/prove/close/", {"channel": "mail"})
    code = code_sent_to(alice)
    door.post(CLOSE + "?with=code", {"code": code})
    services.withdraw_closure(member=alice, now=now)
    again = signed_in(alice)
    again.cookies.update(door.cookies)
    again.post(CLOSE + "?with=code", {"code": code})
    assert not Closure.objects.live().exists()


def test_a_code_is_not_sent_twice_in_a_minute_and_never_elsewhere(door, alice):
    door.post("/me/prove/close/", {"channel": "mail"})
    page = door.post("/me/prove/close/", {"channel": "mail"}, follow=True)
    assert "刚刚已经发送过" in page.content.decode()
    page = door.post("/me/prove/close/", {"channel": "sms"}, follow=True)
    assert "没有可以接收验证码" in page.content.decode()
    assert Message.objects.filter(template="code").count() == 1


def test_signing_in_while_closing_leads_to_one_page_only(alice, now):
    services.close_account(member=alice, now=now)
    client = signed_in(alice)
    for path in ("/", "/me/", "/courses/", "/complaints/", "/me/close/", "/account/password/change/", "/account/2fa/"):
        assert client.get(path)["Location"] == CLOSING, path
    assert client.post(reverse("complaints:new", args=["complaint"]), {"subject": "x"})["Location"] == CLOSING
    assert client.get(CLOSING).status_code == 200


def test_the_policy_and_signing_out_stay_open_while_closing(alice, documents, now):
    services.close_account(member=alice, now=now)
    client = signed_in(alice)
    assert client.get("/policy/privacy/").status_code == 200
    assert client.post("/account/logout/")["Location"] == "/"
    assert client.get("/me/")["Location"].startswith("/account/login/")


def test_withdrawing_gives_the_account_back(alice, now):
    closure = services.close_account(member=alice, now=now)
    client = signed_in(alice)
    assert client.post("/me/closing/withdraw/")["Location"] == "/me/"
    assert client.get("/me/").status_code == 200
    closure.refresh_from_db()
    assert closure.state == "withdrawn"
    assert services.close_account(member=User.objects.get(pk=alice.pk), now=now).number != closure.number


def test_withdrawing_is_refused_gently_once_the_purge_has_begun(alice, now):
    services.close_account(member=alice, now=now)
    client = signed_in(alice)
    Closure.objects.update(state="running", step="sessions")
    page = client.post("/me/closing/withdraw/", follow=True).content.decode()
    assert "已经开始删除" in page
    assert "撤回注销" not in page


def test_skipping_the_days_takes_the_password_again(alice, now):
    services.close_account(member=alice, now=now)
    client = signed_in(alice)
    assert "密码不正确" in client.post("/me/closing/delete/", {"password": "wrong"}).content.decode()
    assert services.purge_due(now=now + timedelta(minutes=1)) == 0
    answer = client.post("/me/closing/delete/", {"password": PASSWORD})
    assert answer["Location"] == Closure.objects.get().get_absolute_url()
    assert services.purge_due(now=now + timedelta(minutes=1)) == 1


def test_skipping_the_days_works_with_a_code(alice, now):
    services.close_account(member=alice, now=now)
    client = signed_in(alice)
    assert client.post("/me/prove/close/", {"channel": "mail"})["Location"] == "/me/closing/?with=code#proof"
    client.post("/me/closing/delete/?with=code", {"code": code_sent_to(alice)})
    assert services.purge_due(now=now + timedelta(minutes=1)) == 1


def test_nothing_is_sent_to_who_is_leaving(alice, now):
    services.close_account(member=alice, now=now)
    alice.refresh_from_db()
    assert services.notify(member=alice, subject="新课程", text="……", now=now) is None


@pytest.mark.parametrize("by", ["member", "staff"])
def test_news_that_waited_goes_with_the_account_and_what_is_about_the_closing_stays(alice, bob, now, by):
    for member in (alice, bob):
        services.notify(member=member, subject="新课程", text="新课程上线了", now=now)
        services.alert(member=member, what="在新设备上登录", now=now)
        services.send_confirmation_code(member=member, channel="mail", act="注销账号", now=now)
    services.notify(member=alice, subject="已经发出", text="……", now=now)
    Message.objects.filter(pk=Message.objects.latest("pk").pk).update(
        sent_at=now, to=None, subject=None, body=None, params=None
    )
    if by == "member":
        services.close_account(member=alice, now=now)
    else:
        services.terminate(member=alice, by=make_staff(), now=now)
    waiting = list(Message.objects.waiting().filter(member=alice).order_by("pk"))
    assert [message.template for message in waiting] == ["alert", "code", "notice"]
    assert ("注销编号" if by == "member" else "被终止") in waiting[-1].body
    assert Message.objects.filter(member=alice).exclude(sent_at=None).count() == 1
    assert Message.objects.waiting().filter(member=bob).count() == 3


def test_who_is_not_leaving_has_nothing_to_withdraw(door, alice, now):
    assert door.get(CLOSING)["Location"] == "/me/"
    with pytest.raises(services.ClosureNotRevocable):
        services.withdraw_closure(member=alice, now=now)
    with pytest.raises(services.ClosureNotRevocable):
        services.delete_now(member=alice, now=now)


@pytest.mark.parametrize("path", [CLOSE, CLOSING, "/me/closing/withdraw/", "/me/closing/delete/", "/me/prove/close/"])
def test_a_visitor_is_asked_to_sign_in(client, path):
    assert client.post(path).status_code in {302, 405}
    assert client.post(path).get("Location", "/account/login/").startswith("/account/login/")
    assert Closure.objects.count() == 0


def test_the_page_costs_the_same_for_one_row_and_for_twenty(door, alice, django_assert_max_num_queries):
    make_case(member=alice)
    door.get(CLOSE)
    with CaptureQueriesContext(connection) as few:
        door.get(CLOSE)
    for _ in range(19):
        make_case(member=alice)
    with CaptureQueriesContext(connection) as many:
        door.get(CLOSE)
    assert len(many) == len(few)
    assert len([query for query in many if "SAVEPOINT" not in query["sql"]]) <= 6


def test_staff_see_how_far_a_closure_has_come_and_not_whose_it_is(admin_client, alice, now):
    closure = services.close_account(member=alice, now=now)
    for path in ("", f"{closure.pk}/change/"):
        page = admin_client.get(f"/admin/accounts/closure/{path}").content.decode()
        assert closure.number in page
        assert "可以撤回" in page
        assert alice.email not in page
        assert alice.name not in page
