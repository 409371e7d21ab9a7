"""我的信息, and the demo's inbox."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts import inbox, services, sms
from accounts.phone import masked, masked_email
from consent import inventory
from tests.factories import make_case, make_member, make_order, make_phone_member, sign_in

pytestmark = pytest.mark.django_db


def words(response):
    return response.content.decode()


def test_a_member_sees_who_they_are_masked(client):
    member = make_phone_member(phone="+8613800138000", name="王爱丽")
    page = words(sign_in(client, member).get("/me/"))
    assert "王爱丽" in page
    assert "138****8000" in page
    assert "13800138000" not in page


def test_a_member_sees_what_they_agreed_to_and_nobody_elses(client, documents, alice, bob, now):
    from consent.services import Origin, accept

    accept(member=bob, documents=[documents["payment_account"]], origin=Origin(ip=None, browser=""), now=now)
    page = words(sign_in(client, alice).get("/me/"))
    assert f"{documents['privacy'].title}（{documents['privacy'].version} 版）" in page
    assert f"{documents['payment_account'].title}（" not in page


def test_a_member_sees_only_the_last_word_on_each_text(client, documents, alice, now):
    from consent.services import Origin, accept, withdraw

    nowhere = Origin(ip=None, browser="")
    sign_in(client, alice)
    accept(member=alice, documents=[documents["payment_account"]], origin=nowhere, now=now)
    assert words(client.get("/me/")).count("同意，") == 3
    withdraw(member=alice, kind="payment_account", now=now + timedelta(hours=1))
    page = words(client.get("/me/"))
    assert page.count(documents["payment_account"].title) == 1
    at = timezone.localtime(now + timedelta(hours=1))
    assert f"撤回，{at:%Y-%m-%d %H:%M}" in page


def test_a_member_sees_how_much_is_kept_of_what_and_why(client, alice, now):
    services.notify(member=alice, subject="主题", text="内容", now=now)
    page = words(sign_in(client, alice).get("/me/"))
    assert "邮件与短信" in page
    assert "给您发送验证码和通知" in page


def test_what_is_kept_is_grouped_by_app_and_an_app_of_tomorrow_has_its_group(client, alice, now, monkeypatch):
    services.notify(member=alice, subject="主题", text="内容", now=now)
    assert "<h3>会员</h3>" in words(sign_in(client, alice).get("/me/"))
    tomorrows = SimpleNamespace(_meta=SimpleNamespace(app_label="bookmarks"))
    kept = SimpleNamespace(model=tomorrows, name="书签", purpose="找回读过的地方", page="")
    monkeypatch.setitem(apps.app_configs, "bookmarks", SimpleNamespace(verbose_name="书签与笔记"))
    monkeypatch.setattr(inventory, "counts", lambda **_: [(kept, 1)])
    assert "<h3>书签与笔记</h3>" in words(client.get("/me/"))


def test_what_has_a_page_of_its_own_leads_there(client, alice, documents):
    page = words(sign_in(client, alice).get("/me/"))
    assert '<a href="/me/consents/">' in page
    assert all(reverse(entry.page) for entry in inventory.entries() if entry.page)


def test_nobody_sees_the_page_without_signing_in(client):
    assert client.get("/me/").url.startswith("/account/login/")


def test_the_page_asks_the_database_as_often_for_twenty_rows_as_for_one(
    client, alice, now, django_assert_max_num_queries
):
    sign_in(client, alice)
    for rows in (1, 20):
        for _ in range(rows):
            services.notify(member=alice, subject="主题", text="内容", now=now)
        client.get("/me/")
        with django_assert_max_num_queries(6):
            client.get("/me/")


def visit_often(member, times):
    """Have a member ask for a page every minute, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_visit (member_id, at, path, browser, language)"
            " SELECT %s, now() - n * interval '1 minute', '/courses/', '', '' FROM generate_series(1, %s) n",
            [member.pk, times],
        )


def order_complain_and_sign_in_twenty_times(member, now):
    for number in range(20):
        make_order(member=member)
        make_case(member=member)
        key, device = f"key-{number}", {"ip": "127.0.0.1", "user_agent": "Firefox", "last_seen_at": now}
        UserSession.objects.create(user=member, session_key=key, **device)


def test_the_page_asks_a_member_of_many_years_no_more_than_a_new_one(client, documents, now, queries):
    new, reader, buyer = (make_member() for _ in range(3))
    visit_often(reader, 200_000)
    order_complain_and_sign_in_twenty_times(buyer, now)
    asked = [queries("/me/") for member in (new, reader, buyer) if sign_in(client, member)]
    assert asked[0] == asked[1] == asked[2] <= 6
    assert words(client.get("/me/")).count("<dd>20 条") >= 3
    assert "<dd>200000 条" in words(sign_in(client, reader).get("/me/"))


def test_a_member_gives_their_name_and_takes_it_back(client, alice):
    sign_in(client, alice).post("/me/profile/", {"name": "王小丽"})
    alice.refresh_from_db()
    assert alice.name == "王小丽"
    client.post("/me/profile/", {"name": ""})
    alice.refresh_from_db()
    assert alice.name == ""


@pytest.mark.parametrize(
    ("phone", "shown"), [("+8613800138000", "138****8000"), ("+85251234567", "+852 ****4567"), (None, "")]
)
def test_a_number_is_masked(phone, shown):
    assert masked(phone) == shown


@pytest.mark.parametrize(
    ("email", "shown"), [("doctor@example.com", "d***r@example.com"), ("d@example.com", "d***@example.com"), (None, "")]
)
def test_an_address_is_masked(email, shown):
    assert masked_email(email) == shown


# The demo's inbox


@pytest.fixture
def demo(settings, tmp_path):
    settings.DEMO_INBOX_DIR = tmp_path / "inbox"
    settings.SMS_BACKEND = "accounts.sms.inbox.Backend"
    settings.EMAIL_BACKEND = "accounts.mail.InboxEmailBackend"


def test_the_demo_shows_what_would_have_been_sent(client, demo, now):
    services.send_message(channel="sms", to="+8613800138000", body="验证码 123456", now=now)
    services.send_message(channel="mail", to="a@example.com", subject="<主题>", body="正文", now=now)
    for channel in ("sms", "mail"):
        services.deliver_due_messages(channel=channel, now=now)
    page = words(client.get("/demo/inbox/"))
    assert "【妇产科网】验证码 123456" in page
    assert "&lt;主题&gt;" in page


def test_the_inbox_keeps_the_newest_fifty(demo):
    for number in range(55):
        sms.get_backend().send(sms.Sms(to="+8613800138000", template="notice", text=f"第 {number} 条"))
    letters = inbox.newest()
    assert len(letters) == 50
    assert letters[0].text.endswith("第 54 条")


def test_its_directory_is_for_its_owner_alone(demo, settings):
    inbox.put(channel="sms", to="+8613800138000", subject="", text="您好")
    assert settings.DEMO_INBOX_DIR.stat().st_mode & 0o777 == 0o700


def test_there_is_no_inbox_where_there_is_no_demo(client, settings):
    settings.DEMO_INBOX_DIR = None
    assert client.get("/demo/inbox/").status_code == 404


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("SMS_BACKEND", "accounts.sms.inbox.Backend", "accounts.E001"),
        ("SMS_BACKEND", "accounts.sms.console.Backend", "accounts.E001"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "accounts.E002"),
        ("DEMO_INBOX_DIR", "/tmp/inbox", "accounts.E003"),
        ("SMS_BACKEND", "accounts.sms.aliyun.Backend", "accounts.E004"),
    ],
)
def test_a_deploy_check_refuses_a_portal_that_reaches_nobody(settings, name, value, error):
    settings.SMS_BACKEND, settings.DEMO_INBOX_DIR = "somewhere.Backend", None
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match=error):
        call_command("check", deploy=True, tags=["security"], verbosity=0)


def test_the_demos_people_are_made_once_and_can_sign_in(client, documents):
    def make():
        return services.ensure_member(
            email="doctor@example.com",
            phone="+8613800000001",
            password="correct horse battery",
            name="林医生",
            documents=documents.values(),
            now=timezone.now(),
        )

    assert make() == make()
    for login in ("13800000001", "doctor@example.com"):
        client.post("/account/logout/")
        answer = client.post("/account/login/", {"login": login, "password": "correct horse battery"})
        assert answer.url == "/me/"
