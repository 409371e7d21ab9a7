"""Registering by number or by address."""

import time
from datetime import timedelta
from unittest.mock import Mock

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import Closure, Message, User
from consent.models import Acceptance, Document, Evidence
from tests.factories import last_code, last_message, make_member, make_phone_member, make_staff

PHONE = "+8613800138000"
PASSWORD = "correct horse battery"
SIGNUP = "/account/signup/"

pytestmark = pytest.mark.usefixtures("documents")


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(timezone.now())
    return time_machine


def form(client, **changes):
    """Fill in the page as it was shown."""
    by = changes.get("by", "phone")
    shown = client.get(SIGNUP, {"by": by}).context["form"]
    filled = {
        "by": by,
        "phone": "138 0013 8000",
        "email": "Doctor@Example.com",
        "password1": PASSWORD,
        "accept_agreement": "on",
        "accept_privacy": "on",
        "adult": "on",
        **{name: shown[name].value() for name in ("seen_agreement", "seen_privacy")},
    }
    del filled["email" if by == "phone" else "phone"]
    filled |= changes
    return {name: value for name, value in filled.items() if value is not None}


def sign_up(client, **changes):
    return client.post(SIGNUP, form(client, **changes))


def words(response):
    return response.content.decode()


def test_a_number_a_password_and_both_texts_make_a_member_once_the_code_is_entered(client):
    assert sign_up(client).url == "/account/phone/verify/"
    answer = client.post("/account/phone/verify/", {"code": last_code(PHONE), "action": "verify"})
    assert answer.url == reverse("accounts:me")
    member = User.objects.get()
    assert (member.phone, member.phone_verified, member.email) == (PHONE, True, None)
    assert member.adult_at is not None
    assert client.get("/me/").status_code == 200


def test_an_address_a_password_and_both_texts_make_a_member_once_the_code_is_entered(client):
    assert sign_up(client, by="email").url == "/account/confirm-email/"
    answer = client.post("/account/confirm-email/", {"code": last_code("doctor@example.com"), "action": "verify"})
    assert answer.url == reverse("accounts:me")
    member = User.objects.get()
    assert (member.email, member.phone) == ("doctor@example.com", None)
    assert EmailAddress.objects.get().verified


def test_the_acceptances_name_the_versions_in_force_and_where_they_came_from(client, documents):
    client.post(SIGNUP, form(client), HTTP_USER_AGENT="Telephone 1.0")
    said = Acceptance.objects.select_related("evidence")
    assert {row.document for row in said} == {documents["agreement"], documents["privacy"]}
    assert {(row.evidence.ip, row.evidence.browser) for row in said} == {("127.0.0.1", "Telephone 1.0")}


@pytest.mark.parametrize("missing", ["accept_agreement", "accept_privacy", "adult"])
def test_a_box_that_is_not_ticked_makes_no_account(client, missing):
    answer = sign_up(client, **{missing: None})
    assert answer.context["form"].errors[missing]
    assert not User.objects.exists()


def test_no_box_is_ticked_beforehand(client):
    assert "checked" not in words(client.get(SIGNUP))


def test_an_account_never_exists_without_its_acceptances(client, monkeypatch):
    def fail(**_):
        raise RuntimeError

    monkeypatch.setattr("accounts.services.registration.accept", fail)
    with pytest.raises(RuntimeError):
        sign_up(client)
    assert not User.objects.exists()


def test_a_form_that_showed_an_older_version_is_shown_the_new_one_unticked(client, documents):
    filled = form(client)
    old = documents["privacy"]
    now = timezone.now()
    Document.objects.create(
        kind="privacy",
        version="9.0",
        title=old.title,
        summary="新",
        body="新的正文",
        announced_at=now,
        effective_at=now,
    )
    answer = client.post(SIGNUP, filled)
    assert "9.0" in words(answer)
    assert "已更新" in words(answer)
    assert not answer.context["form"]["accept_privacy"].value()
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("+852 5123 4567", "+85251234567"),
        ("１３８００１３８０００", "+8613800138000"),
    ],
)
def test_a_number_may_be_written_in_any_usual_way(client, typed, kept):
    sign_up(client, phone=typed)
    assert User.objects.get().phone == kept


@pytest.mark.parametrize("typed", ["12345", "010 6512 3456", "not a number", "+1 555", "138001380001", ""])
def test_a_number_that_no_sms_can_reach_gets_a_sentence(client, typed):
    answer = sign_up(client, phone=typed)
    assert answer.context["form"].errors["phone"]
    assert not User.objects.exists()


@pytest.mark.parametrize("weak", ["short", "1234567890", "password123", "doctor@example.com"])
def test_a_weak_password_gets_a_sentence(client, weak):
    answer = sign_up(client, by="email", password1=weak)
    assert answer.context["form"].errors["password1"]
    assert not User.objects.exists()


def test_a_wrong_code_gets_a_sentence_and_lets_nobody_in(client):
    sign_up(client)
    wrong = f"{(int(last_code(PHONE)) + 1) % 1000000:06}"
    answer = client.post("/account/phone/verify/", {"code": wrong, "action": "verify"})
    assert "验证码不正确" in words(answer)
    assert not User.objects.get().phone_verified


def test_five_wrong_codes_lead_back_to_the_start_with_a_sentence(client):
    sign_up(client)
    wrong = f"{(int(last_code(PHONE)) + 1) % 1000000:06}"
    for _ in range(4):
        client.post("/account/phone/verify/", {"code": wrong, "action": "verify"})
    answer = client.post("/account/phone/verify/", {"code": wrong, "action": "verify"}, follow=True)
    assert "尝试次数过多" in words(answer)
    assert "已过期" not in words(answer)
    right = client.post("/account/phone/verify/", {"code": last_code(PHONE), "action": "verify"}, follow=True)
    assert not right.context["user"].is_authenticated


def test_a_code_that_is_too_old_gets_a_sentence(client, clock):
    sign_up(client)
    code = last_code(PHONE)
    clock.shift(601)
    answer = client.post("/account/phone/verify/", {"code": code, "action": "verify"}, follow=True)
    assert "验证码已过期" in words(answer)
    assert not User.objects.get().phone_verified


def test_a_mail_code_that_is_too_old_gets_a_sentence(client, clock):
    sign_up(client, by="email")
    code = last_code("doctor@example.com")
    clock.shift(601)
    answer = client.post("/account/confirm-email/", {"code": code, "action": "verify"}, follow=True)
    assert "验证码已过期" in words(answer)


def test_going_back_and_reloading_lead_to_the_page_for_the_code(client):
    sign_up(client)
    assert client.get(SIGNUP).url == "/account/phone/verify/"
    assert client.get("/account/phone/verify/").status_code == 200
    assert client.get("/account/phone/verify/").status_code == 200


@pytest.mark.parametrize(("by", "page"), [("phone", "/account/phone/verify/"), ("email", "/account/confirm-email/")])
def test_who_mistyped_starts_again_with_an_empty_form(client, by, page):
    sign_up(client, by=by)
    assert f'name="next" value="{SIGNUP}"' in words(client.get(page))
    answer = client.post("/account/logout/", {"next": SIGNUP}, follow=True)
    assert answer.redirect_chain == [(SIGNUP, 302)]
    assert "form" in answer.context


# Nobody learns who is a member


def seen(response, client):
    """Tell everything that the person at the browser gets to see, without what differs each time."""
    page = client.get(response.url)
    body = [line for line in words(page).splitlines() if "csrfmiddlewaretoken" not in line]
    return response.status_code, response.url, page.status_code, body


@pytest.mark.parametrize("is_leaving", [False, True])
def test_a_number_that_has_an_account_is_answered_like_any_other(client, is_leaving):
    member = make_phone_member(phone=PHONE)
    if is_leaving:
        services.close_account(member=member, now=timezone.now())
    taken, free = Client(), Client()
    answer = sign_up(taken)
    other = sign_up(free, phone="13900139000")
    blank = [
        str(seen(a, c)).replace("139 0013 9000", "N").replace("138 0013 8000", "N")
        for a, c in ((answer, taken), (other, free))
    ]
    assert blank[0] == blank[1]


@pytest.mark.parametrize("is_leaving", [False, True])
def test_an_address_that_has_an_account_is_answered_like_any_other(is_leaving):
    member = make_member(email="doctor@example.com")
    if is_leaving:
        services.close_account(member=member, now=timezone.now())
    taken, free = Client(), Client()
    answer = sign_up(taken, by="email")
    other = sign_up(free, by="email", email="nobody@example.com")
    blank = [
        str(seen(a, c)).replace("doctor@", "N@").replace("nobody@", "N@") for a, c in ((answer, taken), (other, free))
    ]
    assert blank[0] == blank[1]


def test_the_owner_of_a_taken_number_hears_of_it_and_no_account_is_made(client):
    make_phone_member(phone=PHONE)
    sign_up(client)
    assert "已有账号" in last_message(PHONE).body
    assert User.objects.count() == 1


def test_the_owner_of_a_taken_address_hears_of_it_and_no_account_is_made(client):
    make_member(email="doctor@example.com")
    sign_up(client, by="email")
    assert "已有账号" in last_message("doctor@example.com").body
    assert User.objects.count() == 1


CONTACTS = {"phone": PHONE, "email": "doctor@example.com"}


def leaving(by: str) -> tuple[User, str]:
    """Let whoever has this contact close their account eight days ago."""
    contact = CONTACTS[by]
    member = make_phone_member(phone=contact) if by == "phone" else make_member(email=contact)
    services.close_account(member=member, now=timezone.now() - timedelta(days=8))
    return member, contact


def proven(client, by: str, contact: str):
    """Sign up and enter the code."""
    page = sign_up(client, by=by).url
    answer = client.post(page, {"code": last_code(contact), "action": "verify"})
    assert answer["Location"] == "/me/"


@pytest.mark.parametrize("by", CONTACTS)
def test_who_signs_up_while_leaving_hears_that_signing_in_takes_it_back(client, clock, by):
    member, contact = leaving(by)
    shown = sign_up(client, by=by)
    assert shown.status_code == 302
    told = last_message(contact)
    assert "您的账号正在注销，登录就能撤回" in (told.subject or told.params["subject"])
    assert "登录就能撤回" in told.body
    assert list(User.objects.all()) == [member]
    Closure.objects.update(state="running", step="rows")
    clock.shift(timedelta(minutes=2))
    sign_up(Client(), by=by)
    assert "已经不能撤回" in last_message(contact).body
    assert "登录就能撤回" not in last_message(contact).body


def test_a_second_address_of_who_is_leaving_says_so_too(client):
    member = make_phone_member(phone=PHONE)
    EmailAddress.objects.create(user=member, email=CONTACTS["email"], verified=True)
    services.close_account(member=member, now=timezone.now())
    sign_up(client, by="email")
    assert "登录就能撤回" in last_message(CONTACTS["email"]).body


def standing(how: str, by: str, number: int) -> str:
    """Make a member who has an account, is leaving, or has gone and may not come back; return their contact."""
    contact = f"+861380013800{number}" if by == "phone" else f"doctor{number}@example.com"
    member = make_phone_member(phone=contact) if by == "phone" else make_member(email=contact)
    if by == "email":
        EmailAddress.objects.create(user=member, email=contact, verified=True, primary=True)
    if how == "leaving":
        services.close_account(member=member, now=timezone.now())
    if how == "excluded":
        services.terminate(member=member, by=make_staff(), now=timezone.now() - timedelta(days=8))
        assert services.purge_due(now=timezone.now()) == 1
    Message.objects.all().delete()
    cache.clear()  # nobody has just asked
    return contact


@pytest.mark.parametrize("by", CONTACTS)
def test_how_an_account_stands_shows_in_no_number_of_queries(by):
    spent = []
    for number, how in enumerate(("taken", "leaving", "excluded")):
        contact = standing(how, by, number)
        filled = form(client := Client(), by=by, **{by: contact})
        with CaptureQueriesContext(connection) as asked:
            assert client.post(SIGNUP, filled).status_code == 302
        assert Message.objects.count() == 1
        spent.append(len(asked))
    assert len(set(spent)) == 1


@pytest.mark.parametrize("by", CONTACTS)
def test_a_sign_up_goes_on_while_who_had_the_contact_is_proven_to_be_gone(client, monkeypatch, by):
    member, contact = leaving(by)
    monkeypatch.setattr("accounts.services.residue.search", Mock(side_effect=OSError))
    services.purge_due(now=timezone.now())
    monkeypatch.undo()
    assert not User.objects.filter(pk=member.pk).exists()
    page = sign_up(client, by=by).url
    services.purge_due(now=Closure.objects.get().next_attempt_at)
    answer = client.post(page, {"code": last_code(contact), "action": "verify"})
    assert answer["Location"] == "/me/"


@pytest.mark.parametrize("by", CONTACTS)
def test_who_has_gone_may_sign_up_anew_with_the_same_contact(client, by):
    member, contact = leaving(by)
    assert services.purge_due(now=timezone.now()) == 1
    proven(client, by, contact)
    anew = User.objects.get()
    assert anew.pk != member.pk
    assert anew.subject != member.subject
    assert (anew.phone if by == "phone" else anew.email) == contact
    assert not anew.is_closing
    assert Closure.objects.get().state == "done"


def test_a_taken_number_costs_as_many_password_hashes_as_a_free_one(client, monkeypatch):
    make_phone_member(phone=PHONE)
    spent = []
    from django.contrib.auth.hashers import MD5PasswordHasher

    real = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *a, **k: spent.append(1) or real(*a, **k))
    sign_up(client)
    taken, spent[:] = len(spent), []
    sign_up(Client(), phone="13900139000")
    assert taken == len(spent) == 1


def test_guessing_a_code_for_a_taken_number_lets_nobody_in(client):
    make_phone_member(phone=PHONE)
    sign_up(client)
    for code in ("", "000000", "123456"):
        answer = client.post("/account/phone/verify/", {"code": code, "action": "verify"})
        assert answer.status_code == 200
    assert not client.get("/").context["user"].is_authenticated


# A sign-up that was never finished owns nothing


def test_a_number_that_somebody_only_typed_is_still_free(client, clock):
    sign_up(client)
    clock.shift(40)
    other = Client()
    sign_up(other, password1="another long password")
    answer = other.post("/account/phone/verify/", {"code": last_code(PHONE), "action": "verify"})
    assert answer.url == reverse("accounts:me")
    assert User.objects.filter(phone_verified=True).count() == 1


def test_whoever_enters_the_code_second_gets_a_sentence(client, clock):
    sign_up(client)
    first_code = last_code(PHONE)
    clock.shift(40)
    other = Client()
    sign_up(other)
    other.post("/account/phone/verify/", {"code": last_code(PHONE), "action": "verify"})
    answer = client.post("/account/phone/verify/", {"code": first_code, "action": "verify"})
    assert "已经属于另一个账号" in words(answer)


def test_an_address_that_somebody_only_typed_goes_to_whoever_owns_it(client, clock):
    sign_up(client, by="email", password1="the thief's password")
    clock.shift(20)
    owner = Client()
    sign_up(owner, by="email")
    answer = owner.post("/account/confirm-email/", {"code": last_code("doctor@example.com"), "action": "verify"})
    assert answer.url == reverse("accounts:me")
    member = User.objects.get()
    assert member.check_password(PASSWORD)
    assert not member.check_password("the thief's password")


def test_who_closed_the_page_signs_in_with_the_password_and_is_asked_for_a_new_code(client, clock):
    sign_up(client)
    clock.shift(40)
    later = Client()
    answer = later.post("/account/login/", {"login": "13800138000", "password": PASSWORD})
    assert answer.url == "/account/phone/verify/"
    answer = later.post("/account/phone/verify/", {"code": last_code(PHONE), "action": "verify"})
    assert answer.url == reverse("accounts:me")


def test_sign_ups_that_nobody_finished_are_forgotten_after_a_week(client, clock):
    from accounts import services

    sign_up(client)
    finished = make_member()
    assert services.drop_unproven_members(now=timezone.now()) == 0
    clock.shift(6 * 86400)
    assert services.drop_unproven_members(now=timezone.now()) == 0
    clock.shift(86400 + 60)
    assert services.drop_unproven_members(now=timezone.now()) == 1
    assert list(User.objects.all()) == [finished]
    assert set(Evidence.objects.values_list("acceptance__subject__pk", flat=True)) == {finished.pk}


# Enough is enough


def test_a_second_code_within_half_a_minute_gets_a_sentence_and_leaves_no_account(client):
    sign_up(client)
    answer = sign_up(Client())
    assert "30 秒后再试" in words(answer)
    assert User.objects.count() == 1


def test_a_number_gets_ten_messages_a_day_whoever_asks(client, clock):
    again = f"{timezone.localtime() + timedelta(days=1):%m月%d日 %H:%M}"
    for _ in range(10):
        sign_up(Client())
        clock.shift(61)
    answer = sign_up(client)
    assert f"请 {again} 以后再试" in words(answer)
    assert Message.objects.count() == 10
    clock.shift(24 * 3600)
    assert sign_up(client).url == "/account/phone/verify/"


def test_messages_keep_no_number_in_clear(client):
    sign_up(client)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM accounts_message m")
        assert "13800138000" not in str(cursor.fetchall())


def test_an_sms_is_on_its_row_before_the_page_answers(client):
    started = time.monotonic()
    sign_up(client)
    assert time.monotonic() - started < 3
    message = last_message(PHONE)
    assert (message.channel, message.template) == ("sms", "code")
    assert message.member == User.objects.get()
