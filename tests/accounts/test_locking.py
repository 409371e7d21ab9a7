"""不是我, after somebody else has changed number or address: what they put there goes, what was there comes back."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Alert, Closure, User
from tests.accounts.test_alerts import PHONE, enter, link_in, notices, prove, since_long, whose_address_changed
from tests.accounts.test_signing_in import PASSWORD
from tests.accounts.test_signing_up import sign_up
from tests.factories import last_code, last_message, make_phone_member, totp_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(documents):
    return since_long(make_phone_member(phone=PHONE))


THIEVES, SECOND = "+8613900139000", "+8613700137000"


def take_over(client: Client, phone: str = THIEVES):
    """Sign in as a stranger who knows the password, and bind a number of one's own."""
    enter(client)
    prove(client)
    move_to(client, phone)


def move_to(client: Client, phone: str):
    client.post("/account/phone/change/", {"phone": phone})
    client.post("/account/phone/verify/", {"code": last_code(phone)})


def test_a_number_that_was_changed_is_put_back(client, carol):
    take_over(client)
    link = link_in(notices(PHONE)[-1])
    assert "登录手机号改回 138****8000" in Client().get(link).content.decode()
    Client().post(link)
    carol.refresh_from_db()
    assert (carol.phone, carol.phone_verified) == (PHONE, True)
    mine = Client()
    mine.post("/account/login/code/", {"login": PHONE})
    mine.post("/account/login/code/confirm/", {"code": last_code(PHONE)})
    assert mine.get("/me/").status_code == 200
    Client().post("/account/login/code/", {"login": THIEVES})
    assert "还没有账号" in last_message(THIEVES).body


def test_the_link_that_went_to_the_new_number_gives_it_nothing(client, carol):
    take_over(client)
    Client().post(link_in(notices(THIEVES)[-1]))
    carol.refresh_from_db()
    assert carol.phone == PHONE


def test_a_later_link_of_the_strangers_takes_the_account_not_back(client, carol):
    take_over(client)
    mine = link_in(notices(PHONE)[-1])
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        move_to(client, SECOND)
        theirs = link_in(notices(THIEVES)[-1])
        Client().post(theirs)
        carol.refresh_from_db()
        assert carol.phone == THIEVES
        assert Client().post(mine).status_code == 302, "the older link stays"
        carol.refresh_from_db()
        assert carol.phone == PHONE
        assert Client().get(theirs).status_code == 410


def test_an_address_that_was_changed_is_put_back(client, documents):
    member = whose_address_changed(client, "thief@example.com")
    Client().post(link_in(notices("dora@example.com")[-1]))
    member.refresh_from_db()
    assert member.email == "dora@example.com"
    assert list(EmailAddress.objects.filter(user=member).values_list("email", "verified", "primary")) == [
        ("dora@example.com", True, True)
    ]


def test_an_address_that_was_added_goes_again(client, carol):
    enter(client)
    prove(client)
    client.post("/account/email/", {"action_add": "", "email": "thief@example.com"})
    client.post("/account/confirm-email/", {"code": last_code("thief@example.com")})
    assert "登录邮箱已添加" in notices(PHONE)[-1]
    Client().post(link_in(notices(PHONE)[-1]))
    carol.refresh_from_db()
    assert (carol.email, carol.phone) == (None, PHONE)
    assert not EmailAddress.objects.exists()


def test_a_number_that_is_somebody_elses_by_now_stays_theirs_and_the_account_waits_for_staff(client, carol):
    take_over(client)
    other = make_phone_member(phone=PHONE)
    Client().post(link_in(notices(PHONE)[-1]))
    carol.refresh_from_db()
    other.refresh_from_db()
    assert (other.phone, carol.phone, carol.is_active) == (PHONE, None, False)


def test_a_code_that_is_on_its_way_to_the_strangers_number_lets_nobody_in_any_more(client, carol):
    take_over(client)
    waiting = Client()
    waiting.post("/account/login/code/", {"login": THIEVES})
    code = last_code(THIEVES)
    Client().post(link_in(notices(PHONE)[-1]))
    answer = waiting.post("/account/login/code/confirm/", {"code": code}, follow=True)
    assert "验证码已过期" in answer.content.decode()
    assert waiting.get("/me/").status_code == 302
    carol.refresh_from_db()
    assert carol.phone == PHONE


def test_a_code_to_a_number_that_its_member_has_changed_lets_nobody_in(client, carol):
    waiting = Client()
    waiting.post("/account/login/code/", {"login": PHONE})
    code = last_code(PHONE)
    take_over(client)
    waiting.post("/account/login/code/confirm/", {"code": code})
    assert waiting.get("/me/").status_code == 302
    carol.refresh_from_db()
    assert carol.phone == THIEVES


# ── What a stranger may have begun ──


def test_a_closing_that_a_stranger_asked_for_is_withdrawn_with_the_same_link(client, carol):
    take_over(client)
    client.post("/me/close/", {"password": PASSWORD})
    link = link_in(notices(PHONE)[-1])
    assert "您的账号已申请注销" in notices(PHONE)[-1], "the number that was taken away hears of it too"
    assert "撤回账号的注销" in Client().get(link).content.decode()
    assert Client().post(link).status_code == 302
    carol.refresh_from_db()
    assert (carol.phone, carol.closing_at) == (PHONE, None)
    assert not Closure.objects.live().exists()


def test_nobody_deletes_at_once_an_account_whose_contacts_were_just_changed(client, carol, settings):
    settings.CLOSURE_COOLING_DAYS = 0
    take_over(client)
    client.post("/me/close/", {"password": PASSWORD})
    client.post("/account/login/", {"login": THIEVES, "password": PASSWORD})
    page = client.post("/me/closing/delete/", {"password": PASSWORD}, follow=True).content.decode()
    assert "最近 7 天换过手机号或邮箱" in page
    closure = Closure.objects.live().get()
    assert closure.due_at >= closure.requested_at + Alert.VALID
    assert services.purge_due(now=timezone.now() + timedelta(days=6)) == 0


def test_a_second_step_that_waited_meanwhile_lets_nobody_in(client, carol):
    secret = generate_totp_secret()
    TOTP.activate(carol, secret)
    Authenticator.objects.update(created_at=timezone.now() - timedelta(days=30))
    waiting = Client()
    assert enter(waiting).url == "/account/2fa/authenticate/"
    alert = services.alert(member=carol, what="x", now=timezone.now())
    assert alert == [PHONE]
    Client().post(link_in(notices(PHONE)[-1]))
    right = totp_code(secret)
    answer = waiting.post("/account/2fa/authenticate/", {"code": right}, follow=True)
    assert "账号在这期间锁定过，请重新登录" in answer.content.decode()
    assert waiting.get("/me/").status_code == 302


def with_address(member: User, email: str) -> User:
    User.objects.filter(pk=member.pk).update(email=email)
    EmailAddress.objects.create(user=member, email=email, verified=True, primary=True)
    return User.objects.get(pk=member.pk)


def begin_reset(email: str) -> Client:
    client = Client()
    client.post("/account/password/reset/", {"login": email})
    return client


@pytest.mark.parametrize("has_entered_the_code", [False, True])
def test_a_reset_that_was_begun_before_sets_no_password(carol, has_entered_the_code):
    dora = with_address(carol, "dora@example.com")
    waiting = begin_reset(dora.email)
    code = last_code(dora.email)
    if has_entered_the_code:
        waiting.post("/account/password/reset/confirm/", {"code": code})
    services.alert(member=dora, what="x", now=timezone.now())
    Client().post(link_in(notices(PHONE)[-1]))
    waiting.post("/account/password/reset/confirm/", {"code": code})
    answer = waiting.post("/account/password/reset/complete/", {"password1": "a stranger's password"}, follow=True)
    assert "验证码已过期" in answer.content.decode()
    dora.refresh_from_db()
    assert not dora.has_usable_password()


def test_a_reset_at_an_address_that_its_member_has_given_up_sets_no_password(carol):
    dora = with_address(carol, "dora@example.com")
    waiting = begin_reset(dora.email)
    code = last_code("dora@example.com")
    EmailAddress.objects.update(email="new@example.com")
    User.objects.update(email="new@example.com")
    waiting.post("/account/password/reset/confirm/", {"code": code})
    waiting.post("/account/password/reset/complete/", {"password1": "a stranger's password"})
    dora.refresh_from_db()
    assert dora.check_password(PASSWORD)


# ── What the page says ──


def test_the_page_names_whatever_the_button_does(client, carol):
    enter(client)
    prove(client)
    client.post("/account/email/", {"action_add": "", "email": "thief@example.com"})
    client.post("/account/confirm-email/", {"code": last_code("thief@example.com")})
    SocialAccount.objects.create(user=carol, provider="weixin", uid="x")
    page = Client().get(link_in(notices(PHONE)[-1])).content.decode()
    assert "移除登录邮箱 t***f@example.com" in page
    assert "解除绑定的微信" in page


def test_a_number_that_is_somebody_elses_is_not_promised_back(client, carol):
    take_over(client)
    make_phone_member(phone=PHONE)
    link = link_in(notices(PHONE)[-1])
    page = Client().get(link).content.decode()
    assert "改回" not in page
    assert "和您核实身份" in page
    answer = Client().post(link, follow=True)
    assert answer.redirect_chain[-1][0] == "/complaints/"
    assert "请在这里联系我们核实身份" in answer.content.decode()


def test_whoever_floods_a_member_with_codes_keeps_them_not_from_a_new_password(carol, now):
    for _ in range(10):
        services.send_message(channel="sms", to=PHONE, body="x", template="code", valid_for=timedelta(1), now=now)
    services.alert(member=carol, what="x", now=now)
    mine = Client()
    mine.post(link_in(notices(PHONE)[-1]))
    assert "以后再试" in Client().post("/account/password/reset/", {"login": PHONE}).content.decode()
    assert mine.post("/account/password/reset/", {"login": PHONE}).status_code == 302
    mine.post("/account/login/code/confirm/", {"code": last_code(PHONE)})
    assert mine.get("/me/").status_code == 200


def test_it_is_pressed_in_the_members_own_browser_as_well(carol):
    mine = Client()
    enter(mine)
    assert mine.get("/me/").status_code == 200
    services.alert(member=carol, what="x", now=timezone.now())
    answer = mine.post(link_in(notices(PHONE)[-1]), follow=True)
    assert answer.redirect_chain[-1] == ("/account/password/reset/", 302)
    assert "账号已锁定" in answer.content.decode()
    mine.post("/account/password/reset/", {"login": PHONE})
    mine.post("/account/login/code/confirm/", {"code": last_code(PHONE)})
    assert mine.get("/me/").status_code == 200


def test_who_only_typed_the_former_address_keeps_nobody_from_it(client, documents):
    member = whose_address_changed(client, "thief@example.com")
    link = link_in(notices("dora@example.com")[-1])
    sign_up(Client(), by="email", email="dora@example.com")
    assert "登录邮箱改回" in Client().get(link).content.decode()
    assert Client().post(link)["Location"] == "/account/password/reset/"
    member.refresh_from_db()
    assert (member.email, member.is_active) == ("dora@example.com", True)


def test_codes_are_spared_for_the_contacts_of_the_account_that_was_locked_and_for_a_day(carol, now):
    for to in (PHONE, SECOND):
        for _ in range(10):
            services.send_message(channel="sms", to=to, body="x", template="code", valid_for=timedelta(1), now=now)
    services.alert(member=carol, what="x", now=now)
    mine = Client()
    mine.post(link_in(notices(PHONE)[-1]))
    assert "以后再试" in mine.post("/account/login/code/", {"login": SECOND}).content.decode()
    with time_machine.travel(now + timedelta(hours=23)):
        assert mine.post("/account/login/code/", {"login": PHONE}).status_code == 302
    later = now + timedelta(hours=25)
    for _ in range(10):
        services.send_message(channel="sms", to=PHONE, body="x", template="code", valid_for=timedelta(1), now=later)
    with time_machine.travel(later + timedelta(minutes=2)):
        assert "以后再试" in mine.post("/account/login/code/", {"login": PHONE}).content.decode()


def test_a_sign_in_that_was_given_up_before_spoils_none_after(carol):
    TOTP.activate(carol, generate_totp_secret())
    browser = Client()
    assert enter(browser).url == "/account/2fa/authenticate/"
    services.alert(member=carol, what="x", now=timezone.now())
    Client().post(link_in(notices(PHONE)[-1]))  # on another device; the new authenticator goes too
    browser.post("/account/password/reset/", {"login": PHONE})
    browser.post("/account/login/code/confirm/", {"code": last_code(PHONE)})
    assert browser.get("/me/").status_code == 200
