"""Coming back: by number or address, with a password or a code."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import attempts
from accounts.models import Message
from accounts.templatetags.shown import phone
from tests.accounts.test_signing_up import sign_up
from tests.factories import last_code, last_message, make_member, make_phone_member, sign_in

PHONE = "+8613800138000"
PASSWORD = "correct horse battery"
LOGIN, AGAIN = "/account/login/", "/account/reauthenticate/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(timezone.now())
    return time_machine


@pytest.fixture
def carol():
    """A member known by number only."""
    return make_phone_member(phone=PHONE)


@pytest.fixture
def dora():
    """A member known by a proven address only."""
    member = make_member(email="dora@example.com")
    EmailAddress.objects.create(user=member, email=member.email, verified=True, primary=True)
    return member


def words(response):
    return response.content.decode()


def who(client):
    user = client.get("/account/login/", follow=True).context["user"]
    return None if isinstance(user, AnonymousUser) or not user.is_authenticated else user


@pytest.mark.parametrize("typed", ["13800138000", "+86 138 0013 8000", "138-0013-8000"])
def test_a_number_in_any_usual_writing_and_the_password_let_in(client, carol, typed):
    answer = client.post(LOGIN, {"login": typed, "password": PASSWORD})
    assert answer.url == reverse("accounts:me")
    assert who(client) == carol


@pytest.mark.parametrize("typed", ["dora@example.com", " Dora@Example.COM "])
def test_an_address_and_the_password_let_in(client, dora, typed):
    client.post(LOGIN, {"login": typed, "password": PASSWORD})
    assert who(client) == dora


def test_where_one_was_going_is_where_one_lands(client, carol):
    answer = client.post(LOGIN, {"login": PHONE, "password": PASSWORD, "next": "/courses/"})
    assert answer.url == "/courses/"


def test_nobody_is_led_to_another_site(client, carol):
    answer = client.post(LOGIN, {"login": PHONE, "password": PASSWORD, "next": "https://evil.example/"})
    assert answer.url == reverse("accounts:me")


def test_a_wrong_password_and_an_unknown_number_are_answered_alike(client, carol):
    wrong = client.post(LOGIN, {"login": "13800138000", "password": "no"})
    unknown = client.post(LOGIN, {"login": "13900139000", "password": "no"})
    assert wrong.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()
    assert wrong.context["form"].non_field_errors() == ["手机号或密码不正确。连续错 5 次，要等 5 分钟"]


def test_something_that_is_neither_gets_a_sentence(client):
    answer = client.post(LOGIN, {"login": "doctor", "password": "no"})
    assert answer.context["form"].errors["login"] == ["请输入手机号或邮箱"]


def test_after_five_wrong_passwords_the_right_one_has_to_wait(client, carol, settings):
    settings.SIGN_IN_TRIES = {**settings.SIGN_IN_TRIES, "account": (5, 1)}
    for _ in range(5):
        client.post(LOGIN, {"login": PHONE, "password": "no"})
    answer = client.post(LOGIN, {"login": PHONE, "password": PASSWORD})
    assert "请 1 秒后再试" in words(answer)
    time.sleep(1.1)
    assert client.post(LOGIN, {"login": PHONE, "password": PASSWORD}).status_code == 302


def test_somebody_elses_wrong_passwords_keep_nobody_out(client, carol):
    for _ in range(6):
        client.post(LOGIN, {"login": "13900139000", "password": "no"})
    assert client.post(LOGIN, {"login": PHONE, "password": PASSWORD}).status_code == 302


# By code


@pytest.mark.parametrize(("contact", "member"), [(PHONE, "carol"), ("dora@example.com", "dora")])
def test_a_code_lets_in_without_a_password(client, request, contact, member):
    expected = request.getfixturevalue(member)
    assert client.post("/account/login/code/", {"login": contact}).url == "/account/login/code/confirm/"
    client.post("/account/login/code/confirm/", {"code": last_code(contact)})
    assert who(client) == expected


def test_a_code_with_spaces_is_the_same_code(client, carol):
    client.post("/account/login/code/", {"login": PHONE})
    code = last_code(PHONE)
    client.post("/account/login/code/confirm/", {"code": f" {code[:3]} {code[3:]} "})
    assert who(client) == carol


def test_an_unknown_number_sees_the_same_pages_and_hears_that_it_has_no_account(client, carol):
    other = Client()
    pages = []
    for browser, number in ((client, "13800138000"), (other, "13900139000")):
        browser.post("/account/login/code/", {"login": number})
        for answer in (
            browser.get("/account/login/code/confirm/"),
            browser.post("/account/login/code/confirm/", {"action": "resend"}, follow=True),
            browser.post("/account/login/code/confirm/", {"code": "abc"}),
        ):
            lines = [line for line in words(answer).splitlines() if "csrfmiddlewaretoken" not in line]
            pages.append((answer.status_code, str(lines).replace(phone(f"+86{number}"), "N")))
    assert pages[:3] == pages[3:]
    assert "还没有账号" in last_message("+8613900139000").body


def test_a_code_for_an_address_that_somebody_only_typed_lets_nobody_into_their_account(client, documents):
    squatter = make_member(email="victim@example.com", password="the squatter's password")
    EmailAddress.objects.create(user=squatter, email=squatter.email, verified=False, primary=True)
    client.post("/account/login/code/", {"login": "victim@example.com"})
    assert "还没有账号" in last_message("victim@example.com").body
    client.post("/account/password/reset/", {"login": "victim@example.com"})
    assert not Message.objects.filter(body__isnull=True).exists()
    assert "还没有账号" in last_message("victim@example.com").body


def test_a_code_that_is_too_old_gets_a_sentence(client, carol, clock):
    client.post("/account/login/code/", {"login": PHONE})
    code = last_code(PHONE)
    clock.shift(601)
    answer = client.post("/account/login/code/confirm/", {"code": code}, follow=True)
    assert "验证码已过期" in words(answer)
    assert who(client) is None


def test_five_wrong_codes_end_it(client, carol):
    client.post("/account/login/code/", {"login": PHONE})
    code = last_code(PHONE)
    for _ in range(5):
        client.post("/account/login/code/confirm/", {"code": "000000" if code != "000000" else "111111"})
    client.post("/account/login/code/confirm/", {"code": code})
    assert who(client) is None


def test_the_eleventh_sms_of_a_day_is_not_sent(client, carol, clock):
    again = f"{timezone.localtime() + timedelta(days=1):%m月%d日 %H:%M}"
    for _ in range(10):
        Client().post("/account/login/code/", {"login": PHONE})
        clock.shift(61)
    answer = client.post("/account/login/code/", {"login": PHONE})
    assert f"请 {again} 以后再试" in words(answer)
    assert Message.objects.count() == 10


@pytest.mark.parametrize(("contact", "most"), [(PHONE, 10), ("eva@example.com", 30)])
def test_an_unproven_contact_hears_when_another_code_may_be_sent(documents, clock, settings, contact, most):
    settings.SIGN_IN_TRIES = {**settings.SIGN_IN_TRIES, "address": (1000, 60)}
    by = {"by": "email", "email": contact} if "@" in contact else {"phone": contact}
    sign_up(Client(), **by)
    for _ in range(most + 2):
        clock.shift(61)
        answer = Client().post(LOGIN, {"login": contact, "password": PASSWORD})
    assert re.search(r"请 \d+月\d+日 \d+:\d+ 以后再试", words(answer))
    assert Message.objects.count() == most


def test_a_recovery_code_lets_in_once(client, carol):
    TOTP.activate(carol, generate_totp_secret())
    code = RecoveryCodes.activate(carol).get_unused_codes()[0]
    for lets_in in (True, False):
        browser = Client()
        browser.post(LOGIN, {"login": PHONE, "password": PASSWORD})
        browser.post("/account/2fa/authenticate/", {"code": code})
        assert (browser.get("/me/").status_code == 200) is lets_in


# Passwords


def test_a_password_is_changed_with_the_old_one(client, carol):
    client.post(LOGIN, {"login": PHONE, "password": PASSWORD})
    page = client.get("/account/password/change/")
    assert "oldpassword" in page.context["form"].fields
    client.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": "a brand new password"})
    carol.refresh_from_db()
    assert carol.check_password("a brand new password")


def test_who_forgot_it_comes_in_by_sms_and_sets_a_new_one(client, carol, clock):
    client.post("/account/login/code/", {"login": PHONE})
    client.post("/account/login/code/confirm/", {"code": last_code(PHONE)})
    assert "oldpassword" not in client.get("/account/password/change/").context["form"].fields
    client.post("/account/password/change/", {"password1": "a brand new password"})
    carol.refresh_from_db()
    assert carol.check_password("a brand new password")
    clock.shift(601)
    assert "oldpassword" in client.get("/account/password/change/").context["form"].fields


def test_who_forgot_it_sets_a_new_one_by_mail(client, dora):
    client.post("/account/password/reset/", {"login": "dora@example.com"})
    answer = client.post("/account/password/reset/confirm/", {"code": last_code("dora@example.com")}, follow=True)
    client.post(answer.redirect_chain[-1][0], {"password1": "a brand new password"})
    dora.refresh_from_db()
    assert dora.check_password("a brand new password")


def test_asking_for_an_unknown_addresss_password_looks_the_same(client, dora):
    first = client.post("/account/password/reset/", {"login": "dora@example.com"})
    second = Client().post("/account/password/reset/", {"login": "nobody@example.com"})
    assert (first.status_code, first.url) == (second.status_code, second.url)


# Numbers and addresses that change


def test_a_member_changes_their_number_with_a_code(client, carol):
    client.post(LOGIN, {"login": PHONE, "password": PASSWORD})
    client.post(AGAIN, {"password": PASSWORD})
    client.post("/account/phone/change/", {"phone": "139 0013 9000"})
    client.post("/account/phone/verify/", {"code": last_code("+8613900139000"), "action": "verify"})
    carol.refresh_from_db()
    assert (carol.phone, carol.phone_verified) == ("+8613900139000", True)


def test_a_code_for_a_new_number_is_sent_once_more(client, carol, clock):
    client.post(LOGIN, {"login": PHONE, "password": PASSWORD})
    client.post(AGAIN, {"password": PASSWORD})
    client.post("/account/phone/change/", {"phone": "13900139000"})
    first = last_message("+8613900139000").pk
    assert "重新发送" in words(client.get("/account/phone/verify/"))
    clock.shift(31)
    client.post("/account/phone/verify/", {"action": "resend"})
    assert last_message("+8613900139000").pk != first
    client.post("/account/phone/verify/", {"code": last_code("+8613900139000")})
    carol.refresh_from_db()
    assert carol.phone == "+8613900139000"


def test_a_number_of_somebody_elses_is_not_taken_over_and_not_told(client, carol):
    other = make_phone_member(phone="+8613900139000")
    client.post(LOGIN, {"login": PHONE, "password": PASSWORD})
    client.post(AGAIN, {"password": PASSWORD})
    answer = client.post("/account/phone/change/", {"phone": "13900139000"})
    assert answer.url == "/account/phone/verify/"
    code = last_code("+8613900139000")
    answer = client.post("/account/phone/verify/", {"code": code, "action": "verify"})
    assert "已经属于另一个账号" in words(answer)
    carol.refresh_from_db()
    other.refresh_from_db()
    assert (carol.phone, other.phone) == (PHONE, "+8613900139000")


def test_a_member_with_a_number_adds_an_address_and_takes_it_back(client, carol):
    client.post(LOGIN, {"login": PHONE, "password": PASSWORD})
    client.post(AGAIN, {"password": PASSWORD})
    client.post("/account/email/", {"email": "carol@example.com", "action_add": ""})
    client.post("/account/confirm-email/", {"code": last_code("carol@example.com"), "action": "verify"})
    carol.refresh_from_db()
    assert carol.email == "carol@example.com"
    client.post("/account/email/", {"email": "carol@example.com", "action_remove": ""})
    carol.refresh_from_db()
    assert carol.email is None


def test_two_members_without_an_address_do_not_collide():
    for number in ("+8613900139000", "+8613900139001"):
        member = make_phone_member(phone=number)
        member.email = ""
        member.save()


# Devices and pages


def test_a_member_sees_where_they_are_signed_in(client, carol):
    client.post(LOGIN, {"login": PHONE, "password": PASSWORD}, HTTP_USER_AGENT="Firefox")
    assert client.get("/account/sessions/").status_code == 200
    assert carol.usersession_set.get().user_agent == "Firefox"


@pytest.mark.parametrize("page", ["/me/", "/me/profile/", "/account/email/", "/account/2fa/", "/account/sessions/"])
def test_no_page_of_a_members_own_is_kept_by_a_cache(client, carol, page):
    assert "no-store" in sign_in(client, carol).get(page)["Cache-Control"]


# Guessing


def test_however_many_guess_at_once_only_five_are_heard(carol):
    with ThreadPoolExecutor(20) as pool:
        heard = list(pool.map(lambda _: attempts.for_account().take(PHONE), range(20)))
    assert heard.count(True) == 5


def test_a_right_password_is_not_counted_and_forgives_no_wrong_one(client, carol):
    for _ in range(4):
        Client().post(LOGIN, {"login": PHONE, "password": "no"})
    for _ in range(3):
        assert Client().post(LOGIN, {"login": PHONE, "password": PASSWORD}).status_code == 302
    Client().post(LOGIN, {"login": PHONE, "password": "no"})
    assert "5 分钟后再试" in words(client.post(LOGIN, {"login": PHONE, "password": PASSWORD}))


def test_number_and_address_of_one_member_share_their_tries(client, dora):
    dora.set_phone(PHONE, verified=True)
    dora.save()
    for login in [PHONE, "dora@example.com", "Dora@Example.com", PHONE, "dora@example.com"]:
        Client().post(LOGIN, {"login": login, "password": "no"})
    for login in (PHONE, "dora@example.com"):
        answer = words(Client().post(LOGIN, {"login": login, "password": PASSWORD}))
        assert "密码不正确。连续错 5 次" in answer, "and that they share them is told nobody"


def test_who_has_set_a_new_password_by_sms_is_let_in_at_once(client, carol):
    for _ in range(6):
        Client().post(LOGIN, {"login": PHONE, "password": "no"})
    client.post("/account/password/reset/", {"login": PHONE})
    client.post("/account/login/code/confirm/?next=/account/password/change/", {"code": last_code(PHONE)})
    client.post("/account/password/change/", {"password1": "a brand new password"})
    assert Client().post(LOGIN, {"login": PHONE, "password": "a brand new password"}).status_code == 302


def test_nobodys_contact_is_answered_like_somebodys_when_it_was_tried_too_often(client, carol):
    for contact in (PHONE, "+8613900139000", "nobody@example.com"):
        for _ in range(5):
            client.post(LOGIN, {"login": contact, "password": "no"})
        assert "请 5 分钟后再试" in words(client.post(LOGIN, {"login": contact, "password": "no"}))


def test_one_address_of_the_network_tries_thirty_accounts_a_minute(client, carol):
    for number in range(30):
        client.post(LOGIN, {"login": f"139001390{number:02}", "password": "no"})
    assert "请 1 分钟后再试" in words(client.post(LOGIN, {"login": PHONE, "password": PASSWORD}))
    other = client.post(LOGIN, {"login": PHONE, "password": PASSWORD}, REMOTE_ADDR="10.0.0.9")
    assert other.status_code == 302


def test_who_has_set_a_new_password_is_let_in_at_once(client, dora):
    for _ in range(6):
        Client().post(LOGIN, {"login": "dora@example.com", "password": "no"})
    client.post("/account/password/reset/", {"login": "dora@example.com"})
    answer = client.post("/account/password/reset/confirm/", {"code": last_code("dora@example.com")}, follow=True)
    client.post(answer.redirect_chain[-1][0], {"password1": "a brand new password"})
    answer = Client().post(LOGIN, {"login": "dora@example.com", "password": "a brand new password"})
    assert answer.status_code == 302
