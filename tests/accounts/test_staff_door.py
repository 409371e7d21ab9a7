"""The staff come in by the members' own door, with a second step, and see people masked."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from tests.factories import make_member, make_phone_member, make_staff, say_why, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(settings):
    settings.STAFF_SECOND_STEP = False
    return make_staff(role="客服")


@pytest.fixture
def chief(settings):
    settings.STAFF_SECOND_STEP = False
    return make_staff(is_superuser=True)


def words(response):
    return response.content.decode()


def test_the_admin_has_no_sign_in_form_of_its_own(client):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/account/login/")
    for method in (client.get, client.post):
        answer = method("/admin/login/?next=/admin/", {"username": "a@example.com", "password": "guess"})
        assert answer.status_code == 302
        assert answer.url.startswith("/account/login/")


def test_a_member_is_turned_away(client, alice):
    sign_in(client, alice)
    assert client.get("/admin/login/").status_code == 403
    assert client.get("/admin/accounts/user/", follow=True).status_code == 403


def test_staff_without_a_second_step_are_led_to_set_one_up(client, settings):
    settings.STAFF_SECOND_STEP = True
    sign_in(client, make_staff(is_superuser=True))
    answer = client.get("/admin/accounts/user/", follow=True)
    assert answer.redirect_chain == [("/account/2fa/", 302)]
    assert "两步验证" in words(answer)


def test_staff_with_a_second_step_come_in(client, settings):
    settings.STAFF_SECOND_STEP = True
    chief = make_staff(is_superuser=True)
    TOTP.activate(chief, generate_totp_secret())
    assert sign_in(client, chief).get("/admin/").status_code == 200


def test_recovery_codes_alone_are_no_second_step(client, settings):
    settings.STAFF_SECOND_STEP = True
    chief = make_staff(is_superuser=True)
    Authenticator.objects.create(user=chief, type=Authenticator.Type.RECOVERY_CODES, data={})
    assert sign_in(client, chief).get("/admin/").status_code == 302


def test_the_second_step_is_asked_for_at_sign_in(client):
    member = make_phone_member(phone="+8613800138000")
    TOTP.activate(member, generate_totp_secret())
    answer = client.post("/account/login/", {"login": "13800138000", "password": "correct horse battery"})
    assert answer.url == "/account/2fa/authenticate/"
    assert not client.get("/").context["user"].is_authenticated


def test_an_authenticators_secret_is_unreadable_in_the_database(alice):
    secret = generate_totp_secret()
    kept = TOTP.activate(alice, secret)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        assert secret not in cursor.fetchone()[0]
    assert kept.instance.wrap().validate_code("000000") in {True, False}


def test_the_list_of_members_shows_masks(client, agent):
    make_phone_member(phone="+8613800138000", name="王爱丽")
    make_member(email="doctor@example.com")
    page = words(sign_in(client, agent).get("/admin/accounts/user/"))
    assert "138****8000" in page
    assert "d***r@example.com" in page
    for secret in ("13800138000", "doctor@example.com", "王爱丽"):
        assert secret not in page


def test_the_page_of_a_member_shows_masks(client, agent):
    member = make_phone_member(phone="+8613800138000", name="王爱丽")
    page = words(say_why(sign_in(client, agent), member))
    assert "王**" in page
    for secret in ("13800138000", "王爱丽", "argon2", "md5$"):
        assert secret not in page


@pytest.mark.parametrize("term", ["138 0013 8000", "+8613800138000"])
def test_a_member_is_found_by_their_whole_number(client, agent, term):
    member = make_phone_member(phone="+8613800138000")
    page = sign_in(client, agent).get("/admin/accounts/user/", {"q": term})
    assert list(page.context["cl"].result_list) == [member]


def test_a_part_of_a_number_or_an_address_finds_nobody(client, agent):
    make_phone_member(phone="+8613800138000")
    make_member(email="doctor@example.com")
    for term in ("1380013", "doctor", "example.com", "@example.com"):
        page = sign_in(client, agent).get("/admin/accounts/user/", {"q": term})
        assert list(page.context["cl"].result_list) == []


def test_support_makes_nobody_powerful(client, agent, alice):
    sign_in(client, agent).post(f"/admin/accounts/user/{alice.pk}/change/", {"is_superuser": "on", "is_staff": "on"})
    alice.refresh_from_db()
    assert (alice.is_superuser, alice.is_staff) == (False, False)


def test_nobody_deletes_a_member_past_the_closing(client, chief, alice):
    assert sign_in(client, chief).post(f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_colleague_is_made_with_an_address_to_prove(client, chief):
    sign_in(client, chief).post(
        "/admin/accounts/user/add/",
        {
            "email": "New@Example.com",
            "is_staff": "on",
            "password1": "a password for work",
            "password2": "a password for work",
        },
    )
    made = User.objects.get(email="new@example.com")
    assert made.is_staff
    assert not made.emailaddress_set.get().verified


def test_what_the_admin_writes_down_names_nobody(client, chief):
    member = make_phone_member(phone="+8613800138000", name="王爱丽")
    sign_in(client, chief).post(f"/admin/accounts/user/{member.pk}/change/", {"is_active": "on", "is_staff": "on"})
    assert LogEntry.objects.get().object_repr == f"会员 #{member.pk}"


def test_messages_show_whether_they_left_and_nothing_else(client, agent):
    Client().post("/account/login/code/", {"login": "13800138000"})
    page = words(sign_in(client, agent).get("/admin/accounts/message/"))
    assert "短信" in page
    assert "13800138000" not in page


def test_the_role_of_support_is_there_after_every_migrate():
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    granted = Group.objects.get(name="客服").permissions.values_list("codename", flat=True)
    assert {"view_user", "view_message"} <= set(granted)
    assert "delete_user" not in granted
