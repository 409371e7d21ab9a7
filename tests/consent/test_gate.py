"""The warning: read once, remembered for 30 days or until its wording changes; then one lands where one was going."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from consent import services
from consent.models import Acceptance, Evidence
from tests.factories import make_document

pytestmark = pytest.mark.django_db


@pytest.fixture
def warning(now):
    return make_document(kind="gate", title="专业内容提示", version="1", effective_at=now - timedelta(days=60))


def is_open(client) -> bool:
    """The gate only asks whom it has not asked yet."""
    return client.get("/gate/?next=/courses/").status_code == 302


def go_on(client, target="/courses/"):
    return client.post("/gate/", {"next": target})


def test_the_warning_is_shown_with_both_ways(client, warning):
    page = client.get("/gate/?next=/courses/a/lessons/2/").content.decode()
    assert "<h1>专业内容提示</h1>" in page
    assert 'value="/courses/a/lessons/2/"' in page
    assert "返回" in page


@pytest.mark.parametrize("target", ["/courses/a/lessons/2/", "/courses/?q=%E4%BA%A7%E5%90%8E&after=1-2"])
def test_going_on_lands_exactly_where_one_was_going(client, warning, target):
    assert go_on(client, target).headers["Location"] == target


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "", "\0"]
)
def test_nothing_leads_off_the_site(client, warning, elsewhere):
    assert go_on(client, elsewhere).headers["Location"] == "/"
    assert "evil" not in client.get("/gate/", {"next": elsewhere}).content.decode()


def test_reading_without_going_on_opens_nothing(client, warning):
    client.get("/gate/?next=/courses/")
    assert not is_open(client)
    assert not Acceptance.objects.exists()


def test_a_visitor_is_asked_once_and_the_record_names_nobody(client, warning):
    go_on(client)
    assert is_open(client)
    record = Acceptance.objects.get()
    assert (record.document, record.action) == (warning, "acknowledged")
    assert not User.objects.filter(subject=record.subject_id).exists()
    assert record.subject_id.hex in client.cookies["gate"].value


def test_a_member_is_asked_once_on_all_devices(client, warning, alice):
    client.force_login(alice)
    go_on(client)
    del client.cookies["gate"]
    assert is_open(client)
    assert Acceptance.objects.get().subject == alice


def test_what_one_member_read_opens_nothing_for_another(client, warning, alice, bob):
    client.force_login(alice)
    go_on(client)
    client.logout()
    client.cookies.clear()
    client.force_login(bob)
    assert not is_open(client)


@pytest.mark.parametrize("signed_in", [False, True])
def test_it_is_remembered_for_thirty_days(client, warning, alice, signed_in, now):
    if signed_in:
        client.force_login(alice)
    go_on(client)
    with time_machine.travel(now + timedelta(days=29, hours=23)):
        if signed_in:
            client.force_login(alice)
        assert is_open(client)
    with time_machine.travel(now + timedelta(days=30, minutes=1)):
        if signed_in:
            client.force_login(alice)
        assert not is_open(client)


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_new_wording_asks_again(client, warning, alice, signed_in, now):
    if signed_in:
        client.force_login(alice)
    go_on(client)
    make_document(kind="gate", version="2", body="换了说法", effective_at=now - timedelta(seconds=1))
    assert not is_open(client)


@pytest.mark.parametrize("forged", ["{hash}:00", "{hash}:00:1abc:sig", ":", "x"])
def test_a_forged_cookie_opens_nothing(client, warning, forged):
    client.cookies["gate"] = forged.format(hash=warning.digest[:16])
    assert not is_open(client)


@pytest.mark.parametrize(
    ("referer", "leads_to"),
    [
        ("http://testserver/courses/a/", "/courses/a/"),
        ("http://testserver/courses/a/lessons/2/", "/"),
        ("https://evil.example/courses/", "/"),
        ("http://testserver@evil.example/", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_is_the_page_one_came_from(client, warning, referer, leads_to):
    page = client.get("/gate/?next=/courses/a/lessons/2/", HTTP_REFERER=referer)
    assert page.context["back"] == leads_to


def test_the_page_is_never_kept_by_a_browser(client, warning):
    assert "no-store" in client.get("/gate/").headers["Cache-Control"]


def test_going_on_twice_is_written_down_once(client, warning):
    assert [go_on(client, "/a/").headers["Location"], go_on(client, "/b/").headers["Location"]] == ["/a/", "/b/"]
    assert Acceptance.objects.count() == 1


def test_one_address_does_not_fill_the_table_by_throwing_its_cookie_away(client, warning):
    for _ in range(60):
        go_on(client)
        client.cookies.clear()
    refused = go_on(client)
    assert refused.status_code == 429
    assert "操作得太快了" in refused.content.decode()
    assert Acceptance.objects.count() == 60
    assert go_on(client, "/elsewhere/").status_code == 429
    assert client.post("/gate/", {"next": "/"}, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_from_where_a_visitor_came_is_forgotten_when_they_are_asked_again_and_a_members_is_not(
    client, warning, alice, now
):
    go_on(client)
    client.cookies.clear()
    client.force_login(alice)
    go_on(client)
    client.logout()
    client.cookies.clear()
    with time_machine.travel(now + timedelta(days=1)):
        go_on(client)
    with time_machine.travel(now + timedelta(days=30, hours=1)):
        assert services.drop_outdated_evidence(now=timezone.now()) == 1
    assert Acceptance.objects.count() == 3
    assert Evidence.objects.filter(acceptance__subject=alice).count() == 1
    assert Evidence.objects.exclude(acceptance__subject=alice).count() == 1
