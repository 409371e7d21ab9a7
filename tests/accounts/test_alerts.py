"""What a member hears of their account without asking, and the link that stops it."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import known_devices, services
from accounts.models import Alert, Closure, Message, User
from accounts.services import messages
from accounts.sms import Sms, SmsRefused
from tests.accounts.test_signing_in import PASSWORD
from tests.factories import agree, last_code, last_message, make_member, make_phone_member, sign_in

pytestmark = pytest.mark.django_db
LOGIN, PHONE = "/account/login/", "+8613800138000"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
AWAY = {"HTTP_USER_AGENT": FIREFOX}


@pytest.fixture
def carol(documents):
    """A member known by number, since long."""
    return since_long(make_phone_member(phone=PHONE))


def since_long(member: User) -> User:
    User.objects.filter(pk=member.pk).update(date_joined=timezone.now() - timedelta(days=90))
    member.refresh_from_db()
    return member


def enter(client: Client, login: str = PHONE, **headers):
    return client.post(LOGIN, {"login": login, "password": PASSWORD}, **headers)


def prove(client: Client):
    return client.post("/account/reauthenticate/", {"password": PASSWORD})


def notices(to: str = PHONE) -> list[str]:
    found = Message.objects.filter(template="alert").order_by("pk")
    return [message.body for message in found if message.to == to]


def link_in(text: str) -> str:
    return re.search(r"https?://[^/]+(/n/\S+/)", text)[1]


# ── A new device ──


def test_a_browser_that_was_never_used_is_told_of_and_the_next_time_it_is_known(client, carol):
    enter(client, **AWAY)
    (text,) = notices()
    assert "您的账号在新设备登录：Firefox，Windows" in text
    client.post("/account/logout/")
    enter(client, **AWAY)
    assert len(notices()) == 1
    enter(Client())
    assert len(notices()) == 2


def test_the_browser_one_signs_up_with_is_no_new_one(client, documents):
    make_phone_member(phone=PHONE)
    enter(client)
    assert notices() == []
    assert known_devices.COOKIE in client.cookies


def test_a_browser_that_several_share_knows_each_of_them(client, carol):
    dave = agree(make_member(email="dave@example.com"))
    EmailAddress.objects.create(user=dave, email="dave@example.com", verified=True, primary=True)
    since_long(dave)
    for _ in range(2):
        enter(client)
        client.post("/account/logout/")
        enter(client, "dave@example.com")
        client.post("/account/logout/")
    assert len(notices()) == len(notices("dave@example.com")) == 1


def test_the_cookie_names_nobody_and_cannot_be_made_up(client, carol):
    enter(client)
    value = client.cookies[known_devices.COOKIE].value
    assert str(carol.subject) not in value
    other = Client()
    other.cookies[known_devices.COOKIE] = value.split(":")[0] + ":x:y"
    enter(other)
    assert len(notices()) == 2


def test_alerts_leave_a_number_its_codes_and_codes_its_alerts(carol, now):
    for _ in range(30):
        services.alert(member=carol, what="x", now=now)
    assert len(notices()) == 10
    sms = Message.Channel.SMS
    assert services.capped_until(to=PHONE, now=now) is None
    later = now + timedelta(days=1)
    for _ in range(10):
        services.send_message(
            channel=sms, to=PHONE, body="x", template="code", valid_for=timedelta(minutes=10), now=later
        )
    assert services.capped_until(to=PHONE, now=later) == later + timedelta(days=1)
    assert services.alert(member=carol, what="x", now=later) == [PHONE]


def test_who_was_alerted_enough_by_sms_is_told_by_mail(carol, now):
    User.objects.filter(pk=carol.pk).update(email="carol@example.com")
    carol.refresh_from_db()
    told = [services.alert(member=carol, what="x", now=now) for _ in range(12)]
    assert told[9:] == [[PHONE], ["carol@example.com"], ["carol@example.com"]]


def test_a_change_of_number_is_told_however_many_alerts_there_were(client, carol, now):
    for _ in range(12):
        services.alert(member=carol, what="x", now=now)
    enter(client)
    prove(client)
    client.post("/account/phone/change/", {"phone": "13900139000"})
    client.post("/account/phone/verify/", {"code": last_code("+8613900139000")})
    assert "登录手机号已更换" in notices(PHONE)[-1]


def test_news_for_a_member_takes_none_of_the_codes_that_anybody_gets(carol, now):
    for _ in range(12):
        services.notify(member=carol, subject="x", text="x", now=now)
    assert services.capped_until(to=PHONE, now=now) is None


def test_who_is_leaving_hears_nothing(carol, now):
    carol.closing_at = now
    assert services.alert(member=carol, what="x", now=now) == []


# ── 不是我 ──


@pytest.fixture
def link(client, carol):
    enter(client)
    return link_in(notices()[0])


def test_the_table_opens_no_link(link):
    (row,) = Alert.objects.all()
    token = link.split("/")[-2]
    assert len(token) == 12
    assert token.encode() not in bytes(row.digest)


def test_looking_at_it_locks_nobody_out(client, link, carol):
    page = Client().get(link)
    assert page.status_code == 200
    assert "锁定账号" in page.content.decode()
    carol.refresh_from_db()
    assert carol.check_password(PASSWORD)


def test_it_locks_signs_out_everywhere_and_leads_to_a_new_password(client, link, carol):
    stranger = Client()
    enter(stranger)
    assert stranger.get("/me/").status_code == 200
    mine = Client()
    assert mine.post(link).url == "/account/password/reset/"
    assert stranger.get("/me/").status_code == 302
    assert client.get("/me/").status_code == 302
    assert "手机号或密码不正确" in enter(Client()).content.decode()
    mine.post("/account/password/reset/", {"login": PHONE})
    confirm = "/account/login/code/confirm/?next=/account/password/change/"
    answer = mine.post(confirm, {"code": last_code(PHONE)}, follow=True)
    mine.post(answer.redirect_chain[-1][0], {"password1": "a brand new password"})
    carol.refresh_from_db()
    assert carol.check_password("a brand new password")


def test_it_works_once(link):
    assert Client().post(link).status_code == 302
    again = Client().post(link)
    assert again.status_code == 410
    assert "不能再用" in again.content.decode()


def test_a_password_that_somebody_else_set_takes_no_link_away(link, carol):
    carol.set_password("the stranger's own password")
    carol.save()
    assert Client().post(link).status_code == 302
    carol.refresh_from_db()
    assert not carol.has_usable_password()


def test_whoever_was_locked_out_is_announced_anew_with_a_browser_that_was_known(client, carol):
    enter(client)
    Client().post(link_in(notices()[0]))
    carol.refresh_from_db()
    carol.set_password(PASSWORD)
    carol.save()
    enter(client)
    assert len(notices()) == 2


@pytest.mark.parametrize("token", ["x", "AAAA", "%00", "ü", "A" * 500])
def test_a_made_up_link_locks_nobody(documents, token):
    assert Client().post(f"/n/{token}/").status_code in (404, 410)


def test_it_ends_after_seven_days(link):
    with time_machine.travel(timezone.now() + Alert.VALID + timedelta(minutes=1)):
        assert Client().get(link).status_code == 410


def test_it_takes_away_what_a_stranger_may_have_added_to_come_back_and_leaves_what_was_there(link, carol, now):
    kinds = Authenticator.Type
    added = {kinds.TOTP: now - Alert.VALID - timedelta(hours=1), kinds.WEBAUTHN: now - timedelta(hours=1)}
    for kind, at in added.items():
        Authenticator.objects.create(user=carol, type=kind, data={}, created_at=at)
    Client().post(link)
    assert [kept.type for kept in Authenticator.objects.filter(user=carol)] == [kinds.TOTP]


def test_a_link_about_whose_deletion_has_begun_locks_nothing(link, carol, now):
    services.close_account(member=carol, now=now - timedelta(days=8))
    Closure.objects.update(state="running", step="sessions")
    assert Client().get(link).status_code == 410


# ── An SMS that does not arrive ──


def test_an_alert_that_the_channel_refuses_goes_by_mail(carol, now, settings):
    User.objects.filter(pk=carol.pk).update(email="carol@example.com")
    carol.refresh_from_db()
    services.alert(member=carol, what="x", now=now)
    settings.SMS_BACKEND = f"{__name__}.Refusing"
    services.deliver_due_messages(channel=Message.Channel.SMS, now=now)
    (by_mail,) = notices("carol@example.com")
    assert link_in(by_mail)
    services.deliver_due_messages(channel=Message.Channel.MAIL, now=now)
    assert mail.outbox[-1].subject.endswith("账号安全提醒")


def test_a_code_that_the_channel_refuses_goes_nowhere_else(carol, now, settings):
    User.objects.filter(pk=carol.pk).update(email="carol@example.com")
    sms = Message.Channel.SMS
    services.send_message(channel=sms, to=PHONE, body="x", template="code", member=carol, now=now)
    settings.SMS_BACKEND = f"{__name__}.Refusing"
    services.deliver_due_messages(channel=sms, now=now)
    assert Message.objects.count() == 1


def test_news_that_no_sms_could_bring_go_to_nobody_who_has_gone_meanwhile_or_is_going(
    carol, now, settings, monkeypatch
):
    settings.SMS_BACKEND = f"{__name__}.Refusing"
    gone, sms = since_long(make_phone_member(phone="+8613900139001")), Message.Channel.SMS
    for member in (carol, gone):
        services.notify(member=member, subject="x", text="x", now=now)
        User.objects.filter(pk=member.pk).update(email=f"{member.pk}@example.com")
    User.objects.filter(pk=carol.pk).update(closing_at=now)
    stays = services.send_message(channel=sms, to="+8613900139002", body="x", now=now)
    send = messages._send_side_by_side

    def send_and_lose_one(rows, **more):
        outcomes = send(rows, **more)
        gone.delete()
        return outcomes

    monkeypatch.setattr(messages, "_send_side_by_side", send_and_lose_one)
    assert services.deliver_due_messages(channel=sms, now=now) == 3
    assert not Message.objects.filter(channel="mail").exists()
    stays.refresh_from_db()
    assert stays.failed_at == now, "the others of the batch are settled"


class Refusing:
    def send(self, _message: Sms) -> None:
        raise SmsRefused("isv.PARAM_LENGTH_LIMIT")


def test_what_an_alert_puts_into_a_template_is_what_channels_take(carol, now):
    services.alert(member=carol, what="您的账号在新设备登录：" + "x" * 100, now=now)
    (params,) = [message.params for message in Message.objects.all()]
    assert set(params) == {"what", "when", "token"}
    assert all(len(value) <= 35 and "/" not in value for value in params.values())


# ── What else is told ──


def test_a_new_password_is_told_of(client, carol):
    sign_in(client, carol)
    client.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": "a brand new password"})
    assert "登录密码已修改" in notices()[0]


def test_a_changed_number_is_told_to_both(client, carol):
    enter(client)
    prove(client)
    client.post("/account/phone/change/", {"phone": "13900139000"})
    client.post("/account/phone/verify/", {"code": last_code("+8613900139000")})
    carol.refresh_from_db()
    assert carol.phone == "+8613900139000"
    assert any("登录手机号已更换" in text for text in notices(PHONE))
    assert any("登录手机号已更换" in text for text in notices("+8613900139000"))


def whose_address_changed(client: Client, to: str) -> User:
    """Have the address of a member changed, by whoever is in."""
    member = agree(make_member(email="dora@example.com"))
    EmailAddress.objects.create(user=member, email="dora@example.com", verified=True, primary=True)
    enter(client, "dora@example.com")
    prove(client)
    client.post("/account/email/", {"action_add": "", "email": to})
    client.post("/account/confirm-email/", {"code": last_code(to)})
    return member


def test_a_changed_address_is_told_to_both(client, documents):
    member = whose_address_changed(client, "new@example.com")
    member.refresh_from_db()
    assert member.email == "new@example.com"
    assert any("登录邮箱已更换" in text for text in notices("dora@example.com"))
    assert any("登录邮箱已更换" in text for text in notices("new@example.com"))


# ── A forgotten password, by SMS ──


def test_who_forgot_it_sets_a_new_one_by_sms(client, carol):
    asked = client.post("/account/password/reset/", {"login": "138 0013 8000"})
    assert asked.url == "/account/login/code/confirm/?next=%2Faccount%2Fpassword%2Fchange%2F"
    answer = client.post(asked.url, {"code": last_code(PHONE)})
    assert answer.url == "/account/password/change/"
    client.post(answer.url, {"password1": "a brand new password"})
    carol.refresh_from_db()
    assert carol.check_password("a brand new password")


def test_a_number_that_nobody_has_is_answered_alike(client, carol):
    known = client.post("/account/password/reset/", {"login": PHONE})
    unknown = Client().post("/account/password/reset/", {"login": "+8613700137000"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "还没有账号" in last_message("+8613700137000").body


def test_what_is_neither_number_nor_address_is_said_beside_the_field(client, documents):
    page = client.post("/account/password/reset/", {"login": "nobody"}).content.decode()
    assert "请输入手机号或邮箱" in page
    assert 'value="nobody"' in page
