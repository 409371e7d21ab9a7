"""Where a member is signed in: on which page they see it, what a sign-in costs, and when it is forgotten."""

from datetime import timedelta

import pytest
from allauth.core import context
from allauth.usersessions.models import UserSession
from django.contrib.auth import login
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import services
from tests.factories import make_phone_member, sign_in

PHONE = "+8613800138000"
PASSWORD = "correct horse battery"
DEVICES = "/account/sessions/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol():
    return make_phone_member(phone=PHONE)


def device(browser="Firefox", phone=PHONE):
    client = Client(headers={"user-agent": browser})
    assert client.post("/account/login/", {"login": phone, "password": PASSWORD}).url == "/me/"
    return client


def shown(client):
    return client.get(DEVICES).content.decode()


def test_a_member_sees_their_own_devices_and_nobody_elses(carol):
    make_phone_member(phone="+8613900139000")
    device("Windows Edg", phone="+8613900139000")
    device("iPhone MicroMessenger")
    page = shown(device("Linux Firefox"))
    assert "Firefox，Linux" in page
    assert "微信，iPhone" in page
    assert "Edge" not in page
    assert page.count("这一台") == 1


def test_one_device_is_signed_out_from_another_and_nobody_elses(carol, django_capture_on_commit_callbacks):
    away, here = device("iPhone MicroMessenger"), device("Linux Firefox")
    make_phone_member(phone="+8613900139000")
    stranger = device("Windows Edg", phone="+8613900139000")
    pk = UserSession.objects.get(user_agent__contains="MicroMessenger").pk
    assert f"{DEVICES}{pk}/end/" in shown(here)
    assert stranger.post(f"{DEVICES}{pk}/end/").status_code == 404
    assert away.get("/me/").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert here.post(f"{DEVICES}{pk}/end/").url == DEVICES
    assert away.get("/me/").status_code == 302
    assert here.get("/me/").status_code == 200
    assert here.post(f"{DEVICES}{pk}/end/").status_code == 404


def test_a_device_that_signed_out_is_no_longer_shown(carol):
    device("iPhone MicroMessenger").post("/account/logout/")
    assert "微信" not in shown(device())
    assert UserSession.objects.count() == 1


def test_a_session_whose_time_is_over_is_no_longer_shown(carol, now):
    device("iPhone MicroMessenger")
    Session.objects.update(expire_date=now - timedelta(seconds=1))
    assert "微信" not in shown(device())


def test_a_new_password_ends_what_the_page_shows_of_other_devices(carol):
    device("iPhone MicroMessenger")
    carol.set_password("another horse battery")
    carol.save()
    carol.refresh_from_db()
    client = Client(headers={"user-agent": "Firefox"})
    client.post("/account/login/", {"login": PHONE, "password": "another horse battery"})
    assert "微信" not in shown(client)


def test_a_member_signs_out_everywhere_else(carol):
    other, here = device("iPhone MicroMessenger"), device()
    here.post(DEVICES)
    assert other.get("/me/").url.startswith("/account/login/")
    assert here.get("/me/").status_code == 200
    assert "微信" not in shown(here)


def test_signing_in_again_with_the_same_browser_is_one_device(carol):
    client = device()
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    assert shown(client).count("<tr>") == 2  # the head and this one


def test_one_browser_that_changes_hands_belongs_to_the_second_member(rf, carol, client):
    second = make_phone_member(phone="+8613900139000")
    request = rf.get("/", headers={"user-agent": "Firefox"})
    request.session = sign_in(client, carol).session
    request.user = carol
    with context.request_context(request):
        login(request, second, backend="accounts.backends.PortalBackend")
        services.note_device(request=request, user=second)
    assert UserSession.objects.get().user == second
    assert Session.objects.get().session_key == UserSession.objects.get().session_key


def test_signing_in_and_the_page_cost_the_same_for_one_device_and_for_twenty(carol):
    def cost(of):
        with CaptureQueriesContext(connection) as asked:
            result = of()
        return result, sum("SAVEPOINT" not in query["sql"] for query in asked)

    device()
    client, alone = cost(device)
    _, page = cost(lambda: shown(client))
    for _ in range(18):
        device()
    assert cost(device)[1] == alone
    assert cost(lambda: shown(client))[1] == page <= 6


def test_the_clock_forgets_sessions_that_are_over_and_no_others(carol, now):
    ended, running = device(), device()
    Session.objects.filter(session_key=ended.session.session_key).update(expire_date=now)
    assert services.drop_ended_sessions(now=now) == 2
    assert services.drop_ended_sessions(now=now) == 0
    assert running.get("/me/").status_code == 200
    assert list(UserSession.objects.values_list("session_key")) == list(Session.objects.values_list("session_key"))
