"""What a stranger asks about a contact costs as much whether it is a member's or nobody's."""

from contextlib import contextmanager
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Message, User
from consent.fields import ColumnCipher
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
def test_who_may_not_sign_in_is_nobody(page, member):
    User.objects.update(is_active=False)
    Client().post(page, {"login": KNOWN["address"]})
    assert "还没有账号" in last_message(KNOWN["address"]).body
