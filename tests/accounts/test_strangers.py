"""What a stranger asks about a contact costs as much whether it is a member's or nobody's."""

import re
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import pytest
import time_machine
from allauth.account import app_settings
from allauth.account.models import EmailAddress
from allauth.core.internal.ratelimit import parse_rates
from allauth.mfa import app_settings as mfa_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services
from accounts.middleware import LONGEST_LIMIT
from accounts.models import Message, User
from consent.fields import ColumnCipher
from tests.accounts.test_signing_up import sign_up
from tests.factories import last_message, make_member, make_phone_member

pytestmark = pytest.mark.django_db

PAGES = ["/account/login/code/", "/account/password/reset/"]
KNOWN = {"number": "+8613800138000", "address": "known@example.com"}
UNKNOWN = {"number": "+8613900139000", "address": "other@example.com"}


@pytest.fixture
def member():
    member = make_phone_member(phone=KNOWN["number"], email=KNOWN["address"], name="王爱丽")
    EmailAddress.objects.create(user=member, email=member.email, verified=True, primary=True)
    return member


@contextmanager
def opened_seals():
    """Count what is decrypted."""
    opened = []
    decrypt = ColumnCipher.decrypt

    def counted(self, *sealed, **more):
        opened.append(self)
        return decrypt(self, *sealed, **more)

    with patch.object(ColumnCipher, "decrypt", counted):
        yield opened


def asked_by_a_stranger(page: str, contact: str) -> tuple[int, int, int]:
    """Return how many queries, opened seals and messages it took."""
    before = Message.objects.count()
    with CaptureQueriesContext(connection) as queries, opened_seals() as opened:
        assert Client().post(page, {"login": contact}).status_code == 302
    return len(queries), len(opened), Message.objects.count() - before


@pytest.mark.parametrize("kind", ["number", "address"])
@pytest.mark.parametrize("page", PAGES)
def test_a_members_contact_takes_no_more_work_than_nobodys(page, kind, member):
    with opened_seals() as opened:
        assert User.objects.get().name == "王爱丽"
    assert opened, "it could show"
    known, unknown = (asked_by_a_stranger(page, who[kind]) for who in (KNOWN, UNKNOWN))
    assert known == unknown
    assert known[1:] == (0, 1)


@pytest.mark.parametrize("page", PAGES)
def test_a_colleague_whose_address_was_never_asked_about_is_sent_a_code(page):
    colleague = make_member(email="colleague@example.com", is_staff=True)
    Client().post(page, {"login": colleague.email})
    assert "还没有账号" not in last_message(colleague.email).body


@pytest.mark.parametrize("page", PAGES)
def test_an_address_that_one_proved_and_another_has_on_their_account_is_of_who_proved_it(page, member):
    other = make_member(email="second@example.com")
    EmailAddress.objects.create(user=member, email=other.email, verified=True, primary=False)
    browser = Client()
    browser.post(page, {"login": other.email})
    assert str(member.pk) in str(dict(browser.session)), "the code leads to who proved the address"


@pytest.mark.parametrize("page", PAGES)
def test_who_was_suspended_is_sent_a_code_like_anybody(page, member):
    User.objects.update(is_active=False)
    Client().post(page, {"login": KNOWN["address"]})
    assert "还没有账号" not in last_message(KNOWN["address"]).body


# ── Asking for one more ──


def by(contact: str) -> dict[str, str]:
    return {"by": "email", "email": contact} if "@" in contact else {"by": "phone", "phone": contact}


def asked_for_one_more(contact: str, page: str = "/account/login/code/") -> tuple[list[int], set[str]]:
    """Ask for a code and twice for another; return how many messages each wrote, and every sentence that was said."""
    browser, written, said = Client(), [], set()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        browser.post(page, {"login": contact})
        for _ in range(2):
            clock.shift(61)
            before = Message.objects.count()
            answer = browser.post("/account/login/code/confirm/", {"action": "resend"}, follow=True)
            written.append(Message.objects.count() - before)
            said |= {str(message).replace(contact, "…") for message in answer.context["messages"]}
    return written, said


@pytest.mark.parametrize("kind", ["number", "address"])
def test_one_more_is_sent_to_nobodys_contact_as_to_a_members(kind, member):
    known, unknown = (asked_for_one_more(who[kind]) for who in (KNOWN, UNKNOWN))
    assert known == unknown
    assert known[0] == [1, 1]


@pytest.mark.parametrize("kind", ["number", "address"])
def test_one_more_is_sent_to_who_signs_up_with_a_members_contact_as_with_a_free_one(kind, member, documents):
    def written(contact: str) -> list[int]:
        browser = Client()
        with time_machine.travel(timezone.now(), tick=False) as clock:
            joined = sign_up(browser, **by(contact))
            counts = []
            for _ in range(2):
                clock.shift(61)
                before = Message.objects.count()
                assert browser.post(joined["Location"], {"action": "resend"}).status_code == 302
                counts.append(Message.objects.count() - before)
        return counts

    assert written(KNOWN[kind]) == written(UNKNOWN[kind]) == [1, 1]


@pytest.mark.parametrize("contact", [KNOWN["number"], UNKNOWN["number"]])
def test_who_was_sent_enough_for_a_day_is_told_so_when_asking_for_one_more(contact, member):
    browser = Client()
    browser.post("/account/login/code/", {"login": contact})
    for _ in range(9):
        soon = timedelta(minutes=10)
        services.send_message(channel="sms", to=contact, body="x", template="code", valid_for=soon, now=timezone.now())
    page = browser.post("/account/login/code/confirm/", {"action": "resend"}, follow=True).content.decode()
    assert re.search(r"请 \d+月\d+日 \d+:\d+ 以后再试", page)
    assert Message.objects.count() == 10


def test_who_asks_too_fast_is_told_when_to_come_back(documents):
    browser = Client()
    page = sign_up(browser, **by(UNKNOWN["number"]))["Location"]
    shown = browser.post(page, {"action": "resend"}, follow=True).content.decode()
    assert "请 1 分钟后再试" in shown


def test_the_page_that_says_too_often_says_when_to_come_back(client, member):
    for _ in range(20):
        Client().post("/account/password/reset/", {"login": UNKNOWN["address"]})
    answer = Client().post("/account/password/reset/", {"login": UNKNOWN["address"]})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "请 1 分钟后再试" in answer.content.decode()


def test_no_limit_that_says_a_minute_is_longer():
    limits = {**app_settings.RATE_LIMITS, **mfa_settings.RATE_LIMITS}
    lengths = {action: max((rate.duration for rate in parse_rates(said)), default=0) for action, said in limits.items()}
    assert lengths.pop("login_failed") == 300
    assert max(lengths.values()) <= LONGEST_LIMIT
