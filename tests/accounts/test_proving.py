"""Whoever changes how one signs in proves once more who they are: a browser that was left open is not enough."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from django.utils import timezone

from accounts.models import Message, User
from tests.accounts.test_signing_in import PASSWORD
from tests.factories import agree, last_code, make_phone_member, sign_in, totp_code

pytestmark = pytest.mark.django_db

PHONE, NEW, EMAIL = "+8613800138000", "+8613900139000", "carol@example.com"
CODE_PAGE = "/account/reauthenticate/code/"
CHANGES = {
    "number": ("/account/phone/change/", {"phone": NEW}),
    "address": ("/account/email/", {"action_add": "", "email": EMAIL}),
    "second step": ("/account/2fa/totp/activate/", {"code": "123456"}),
    "WeChat": ("/account/weixin/unlink/", {}),
    "key": ("/account/2fa/webauthn/add/", {"name": "x", "credential": "{}"}),
}


@pytest.fixture
def carol(documents):
    return make_phone_member(phone=PHONE)


@pytest.fixture
def without_password(carol):
    carol.set_unusable_password()
    carol.save()
    return carol


def left_open(member: User) -> Client:
    """A browser in which the member signed in long ago."""
    return sign_in(Client(), member)


def ask_for_code(client: Client, page: str = "/account/phone/change/", channel: str = "sms") -> str:
    return client.post("/me/prove/prove/", {"channel": channel, "next": page})["Location"]


@pytest.mark.parametrize(("page", "data"), CHANGES.values(), ids=CHANGES.keys())
def test_the_password_is_asked_for(carol, page, data):
    answer = left_open(carol).post(page, data)
    assert answer["Location"].startswith("/account/reauthenticate/?next=")
    assert not Message.objects.exists()
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(("page", "data"), CHANGES.values(), ids=CHANGES.keys())
def test_who_has_none_is_asked_for_a_code(without_password, page, data):
    answer = left_open(without_password).post(page, data)
    assert answer["Location"].startswith(f"{CODE_PAGE}?next=")
    assert not Message.objects.exists()


def test_what_was_typed_is_done_once_it_is_proven(carol):
    client = left_open(carol)
    asked = client.post("/account/phone/change/", {"phone": NEW})["Location"]
    answer = client.post(asked, {"password": PASSWORD})
    assert answer["Location"] == "/account/phone/verify/"
    client.post("/account/phone/verify/", {"code": last_code(NEW)})
    carol.refresh_from_db()
    assert carol.phone == NEW


def test_a_code_does_as_well_and_leads_back(without_password):
    client = left_open(without_password)
    client.post("/account/phone/change/", {"phone": NEW})
    page = ask_for_code(client)
    assert page == f"{CODE_PAGE}?with=code&next=%2Faccount%2Fphone%2Fchange%2F#proof"
    shown = client.get(page.partition("#")[0]).content.decode()
    assert 'action="/account/reauthenticate/code/?with=code&amp;next=%2Faccount%2Fphone%2Fchange%2F"' in shown
    answer = client.post(page.partition("#")[0], {"code": last_code(PHONE)})
    assert answer["Location"] == "/account/phone/verify/", "what was typed before is done"


def test_a_wrong_code_proves_nothing_and_is_said_beside_the_field(without_password):
    client = left_open(without_password)
    page = ask_for_code(client).partition("#")[0]
    code = last_code(PHONE)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert "验证码不正确或已过期" in client.post(page, {"code": wrong}).content.decode()
    assert client.post("/account/phone/change/", {"phone": NEW})["Location"].startswith(CODE_PAGE)


def test_the_code_of_leaving_proves_nothing_here(without_password):
    client = left_open(without_password)
    client.post("/me/prove/close/", {"channel": "sms"})
    answer = client.post(f"{CODE_PAGE}?with=code", {"code": last_code(PHONE)})
    assert "请先获取验证码" in answer.content.decode()


def test_nobody_is_led_to_another_site(without_password):
    assert "evil" not in ask_for_code(left_open(without_password), page="https://evil.example/")


def test_who_forgot_the_password_is_offered_a_code_on_its_page(carol):
    page = left_open(carol).get("/account/reauthenticate/?next=/account/phone/change/").content.decode()
    assert "用短信或邮件验证码" in page


def test_a_code_stands_in_for_no_second_step(carol):
    TOTP.activate(carol, generate_totp_secret())
    client = left_open(carol)
    assert "用短信或邮件验证码" not in client.get("/account/reauthenticate/").content.decode()
    assert client.get(CODE_PAGE)["Location"].startswith("/account/reauthenticate/")


def test_who_has_just_come_in_by_a_code_is_not_asked_again(without_password):
    client = Client()
    client.post("/account/login/code/", {"login": PHONE})
    client.post("/account/login/code/confirm/", {"code": last_code(PHONE)})
    assert client.post("/account/phone/change/", {"phone": NEW})["Location"] == "/account/phone/verify/"


def test_nobody_sets_a_first_password_in_a_browser_that_was_left_open(without_password):
    client = left_open(without_password)
    answer = client.post("/account/password/set/", {"password1": "a brand new password"})
    assert answer["Location"].startswith(CODE_PAGE)
    without_password.refresh_from_db()
    assert not without_password.has_usable_password()
    client.post(ask_for_code(client, "/account/password/set/").partition("#")[0], {"code": last_code(PHONE)})
    client.post("/account/password/set/", {"password1": "a brand new password"})
    without_password.refresh_from_db()
    assert without_password.check_password("a brand new password")


def test_who_has_no_contact_at_all_is_asked_for_nothing_that_they_cannot_give(documents):
    member = User(adult_at=timezone.now())
    member.set_password(None)
    member.save()
    client = left_open(agree(member))
    assert client.post("/account/phone/change/", {"phone": NEW})["Location"] == "/account/phone/verify/"


def test_an_address_goes_only_after_proof(carol):
    EmailAddress.objects.create(user=carol, email=EMAIL, verified=True, primary=True)
    User.objects.filter(pk=carol.pk).update(email=EMAIL)
    left_open(carol).post("/account/email/", {"email": EMAIL, "action_remove": ""})
    assert EmailAddress.objects.filter(user=carol).exists()


@pytest.mark.parametrize(("steps_ago", "leads"), [(0, "/me/"), (1, "/me/"), (2, None)])
def test_a_code_of_an_app_may_be_typed_one_code_late_and_no_more(carol, steps_ago, leads):
    secret = generate_totp_secret()
    TOTP.activate(carol, secret)
    Authenticator.objects.update(created_at=timezone.now() - timedelta(days=30))
    client = Client()
    client.post("/account/login/", {"login": PHONE, "password": PASSWORD})
    with time_machine.travel(datetime(2026, 11, 28, 8, 0, 10, tzinfo=UTC), tick=False):
        answer = client.post("/account/2fa/authenticate/", {"code": totp_code(secret, steps_ago=steps_ago)})
    assert answer.headers.get("Location") == leads


def test_the_second_step_cannot_be_guessed(carol):
    secret = generate_totp_secret()
    TOTP.activate(carol, secret)
    client = Client()
    client.post("/account/login/", {"login": PHONE, "password": PASSWORD})
    for _ in range(5):
        client.post("/account/2fa/authenticate/", {"code": "000000"})
    right = totp_code(secret)
    answer = client.post("/account/2fa/authenticate/", {"code": right})
    assert "5 分钟后再试" in answer.content.decode()
    assert client.get("/me/").status_code == 302
