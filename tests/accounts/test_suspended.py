"""Who was suspended comes in to read, export, complain and leave, and to nothing else."""

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import Closure, User
from tests.accounts.test_signing_in import PASSWORD
from tests.factories import agree, last_code, make_member, make_staff

pytestmark = pytest.mark.django_db

SUSPENDED = "/account/inactive/"


def suspended(member: User) -> User:
    EmailAddress.objects.get_or_create(user=member, email=member.email, verified=True, primary=True)
    User.objects.filter(pk=member.pk).update(is_active=False)
    member.refresh_from_db()
    return member


@pytest.fixture
def eve(documents):
    return suspended(agree(make_member(email="eve@example.com")))


@pytest.fixture
def door(eve) -> Client:
    client = Client()
    client.post("/account/login/", {"login": eve.email, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(eve.pk)
    return client


@pytest.mark.parametrize(
    "page",
    [
        "/me/",
        "/me/export/",
        "/me/close/",
        "/me/orders/",
        "/complaints/",
        "/policy/privacy/",
        "/account/sessions/",
        "/account/password/change/",
    ],
)
def test_the_ways_out_are_open(door, page):
    assert door.get(page).status_code == 200


@pytest.mark.parametrize("page", ["/me/courses/", "/account/phone/change/", "/account/2fa/", "/admin/", "/"])
def test_whatever_else_leads_to_a_page_that_says_so(door, page):
    assert door.get(page)["Location"] == SUSPENDED


def test_nobody_else_is_told_so(client, documents):
    client.force_login(agree(make_member(email="gus@example.com")), backend="accounts.backends.PortalBackend")
    assert client.get(SUSPENDED)["Location"] == "/me/"


def test_every_page_says_so(door):
    for page in ("/me/", "/me/close/"):
        assert 'href="/account/inactive/"' in door.get(page).content.decode()


def test_that_page_names_the_ways_that_are_left(door):
    page = door.get(SUSPENDED).content.decode()
    assert "账号已暂停使用" in page
    for way in ("/complaints/", "/me/export/", "/me/orders/", "/me/close/"):
        assert f'href="{way}"' in page


def test_what_can_be_read_cannot_be_changed(door):
    assert door.post("/me/profile/", {"name": "x"})["Location"] == SUSPENDED


def test_they_leave(door, eve):
    assert door.post("/me/close/", {"password": PASSWORD}).status_code == 302
    assert Closure.objects.get().member == eve


def test_they_come_in_by_a_code_too(eve):
    client = Client()
    client.post("/account/login/code/", {"login": eve.email})
    client.post("/account/login/code/confirm/", {"code": last_code(eve.email)})
    assert client.get("/me/close/").status_code == 200


def test_a_colleague_who_was_suspended_opens_no_admin(client):
    colleague = suspended(make_staff(role="客服", email="colleague@example.com"))
    client.force_login(colleague, backend="accounts.backends.PortalBackend")
    assert client.get("/admin/")["Location"] == SUSPENDED
    assert client.get("/admin/complaints/case/")["Location"] == SUSPENDED


def test_who_is_suspended_in_the_middle_of_a_visit_is_led_there_at_once(client, documents):
    member = agree(make_member(email="fay@example.com"))
    client.force_login(member, backend="accounts.backends.PortalBackend")
    assert client.get("/me/courses/").status_code == 200
    suspended(member)
    assert client.get("/me/courses/")["Location"] == SUSPENDED


def test_who_has_no_password_proves_it_by_a_code_and_sets_one(eve):
    eve.set_unusable_password()
    eve.save()
    client = Client()
    client.force_login(eve, backend="accounts.backends.PortalBackend")
    asked = client.get("/account/password/set/")["Location"]
    assert asked.startswith("/account/reauthenticate/code/")
    assert client.get(asked).status_code == 200
