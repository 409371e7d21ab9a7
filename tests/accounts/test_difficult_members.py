"""Without an address, without a password, without the telephone: whoever can come in can take everything and leave."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Closure, Export, Message, User
from accounts.models.message import hash_of_destination
from tests.accounts.test_signing_in import LOGIN, PASSWORD
from tests.factories import agree, last_code

pytestmark = pytest.mark.django_db

PHONE, EMAIL = "+8613800138000", "eva@example.com"
EXPORT, CLOSE = "/me/export/", "/me/close/"


@dataclass(frozen=True)
class Left:
    """What somebody can still use: `contact` to come in, and `channel` for a code; without one it is the password."""

    contact: str
    channel: str = ""
    phone: str = ""
    email: str = ""
    password: str | None = None

    def member(self) -> User:
        member = User(email=self.email or None, adult_at=timezone.now())
        member.set_phone(self.phone or None, verified=bool(self.phone))
        member.set_password(self.password)
        member.save()
        if self.email:
            EmailAddress.objects.create(user=member, email=self.email, verified=True, primary=True)
        return agree(member)


DIFFICULT = {
    "no address": Left(PHONE, phone=PHONE, password=PASSWORD),
    "no address, password forgotten": Left(PHONE, "sms", phone=PHONE, password=PASSWORD),
    "no password, a number": Left(PHONE, "sms", phone=PHONE),
    "no password, an address": Left(EMAIL, "mail", email=EMAIL),
    "telephone lost": Left(EMAIL, "mail", phone=PHONE, email=EMAIL, password=PASSWORD),
    "telephone lost, no password": Left(EMAIL, "mail", phone=PHONE, email=EMAIL),
    "address lost": Left(PHONE, "sms", phone=PHONE, email=EMAIL),
}


@pytest.fixture(params=DIFFICULT.values(), ids=DIFFICULT.keys())
def left(request, documents):
    return request.param


@pytest.fixture
def later(time_machine):
    """Let a minute pass, after which another code may be asked for."""
    time_machine.move_to(timezone.now(), tick=False)
    return lambda: time_machine.shift(61)


def come_in(left: Left) -> Client:
    client = Client()
    if left.channel:
        client.post("/account/login/code/", {"login": left.contact})
        client.post("/account/login/code/confirm/", {"code": last_code(left.contact)})
    else:
        client.post(LOGIN, {"login": left.contact, "password": PASSWORD})
    return client


def prove(client: Client, left: Left, page: str, act: str, *, to: str = ""):
    """Prove once more who it is, with what is left, on a page that asks for it."""
    if not left.channel:
        return client.post(to or page, {"password": PASSWORD})
    way_on = client.post(f"/me/prove/{act}/", {"channel": left.channel})["Location"]
    assert way_on == f"{page}?with=code#proof"
    return client.post(f"{to or page}?with=code", {"code": last_code(left.contact)})


def test_they_come_in(left):
    member = left.member()
    assert come_in(left).get("/me/").context["user"] == member


def test_they_are_shown_the_way_that_is_left(left):
    left.member()
    client = come_in(left)
    for page in (EXPORT, CLOSE):
        shown = client.get(page).content.decode()
        assert ('type="password"' in shown) == bool(left.password)
        assert ('value="sms"' in shown, 'value="mail"' in shown) == (bool(left.phone), bool(left.email))


def test_they_take_everything_along(left, later):
    member = left.member()
    client = come_in(left)
    later()
    assert prove(client, left, EXPORT, "export")["Location"] == EXPORT
    assert Export.objects.get().member == member
    services.build_due_exports(now=timezone.now())
    assert client.get(f"{EXPORT}{Export.objects.get().token}/download/").status_code == 200


def test_they_leave_and_come_back_while_they_can(left, later):
    member = left.member()
    client = come_in(left)
    later()
    answer = prove(client, left, CLOSE, "close")
    assert answer["Location"] == Closure.objects.get(member=member).get_absolute_url()
    later()
    again = come_in(left)
    assert again.get("/me/")["Location"] == "/me/closing/"
    assert again.post("/me/closing/withdraw/")["Location"] == "/me/"
    assert not User.objects.get(pk=member.pk).is_closing


def test_they_leave_at_once(left, later):
    member = left.member()
    services.close_account(member=member, now=timezone.now())
    client = come_in(left)
    later()
    prove(client, left, "/me/closing/", "close", to="/me/closing/delete/")
    assert services.purge_due(now=timezone.now() + timedelta(minutes=1)) == 1
    assert not User.objects.filter(pk=member.pk).exists()


def test_a_lost_telephone_is_sent_no_code_that_its_finder_could_use(documents, later):
    left = DIFFICULT["telephone lost"]
    left.member()
    client = come_in(left)
    later()
    prove(client, left, EXPORT, "export")
    to_the_finder = Message.objects.filter(to_hash=hash_of_destination(PHONE))
    assert not to_the_finder.filter(template=Message.Template.CODE).exists()


def test_who_lost_the_telephone_gives_a_new_number(documents, later):
    left = DIFFICULT["telephone lost, no password"]
    member = left.member()
    client = come_in(left)
    client.post("/account/phone/change/", {"phone": "139 0013 9000"})
    client.post("/account/phone/verify/", {"code": last_code("+8613900139000"), "action": "verify"})
    member.refresh_from_db()
    assert (member.phone, member.phone_verified) == ("+8613900139000", True)
