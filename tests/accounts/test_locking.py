"""不是我, after somebody else has changed number or address: what they put there goes, what was there comes back."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from tests.accounts.test_alerts import PHONE, enter, link_in, notices, prove, since_long
from tests.factories import agree, last_code, last_message, make_member, make_phone_member

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
    member = agree(make_member(email="dora@example.com"))
    EmailAddress.objects.create(user=member, email="dora@example.com", verified=True, primary=True)
    enter(client, "dora@example.com")
    prove(client)
    client.post("/account/email/", {"action_add": "", "email": "thief@example.com"})
    client.post("/account/confirm-email/", {"code": last_code("thief@example.com")})
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
