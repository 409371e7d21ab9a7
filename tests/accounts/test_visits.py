"""What is recorded of a member's requests: a line a page, written in one go, never a search or a secret."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Profile, Visit
from accounts.services import visits
from tests.factories import agree, make_course, make_member, open_case, sign_in
from tests.terms import expire

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_waits():
    visits._waiting.clear()
    yield
    visits._waiting.clear()


@pytest.fixture
def door(client, documents, alice):
    return sign_in(client, agree(alice))


def paths() -> list[str]:
    services.write_visits()
    return list(Visit.objects.order_by("at", "pk").values_list("path", flat=True))


def add_visit(member, at, path: str = "/courses/") -> Visit:
    return Visit.objects.create(member=member, at=at, path=path)


# ── What is recorded ──


def test_a_members_pages_are_recorded_with_time_address_browser_and_language(door, alice):
    before = timezone.now()
    door.get(
        "/courses/", HTTP_USER_AGENT="Firefox " * 100, HTTP_ACCEPT_LANGUAGE="zh-CN;q=0.9,en", REMOTE_ADDR="2001:db8::1"
    )
    assert services.write_visits() == 1
    visit = Visit.objects.get()
    assert (visit.member, visit.path, visit.ip, visit.language) == (alice, "/courses/", "2001:db8::1", "zh-CN")
    assert visit.browser == ("Firefox " * 100)[:200]
    assert before <= visit.at <= timezone.now()


def test_what_is_searched_for_is_in_none_of_them(door):
    door.get("/courses/?q=子痫前期")
    assert paths() == ["/courses/"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_visit v WHERE v::text LIKE %s", ["%子痫%"])
        assert cursor.fetchone() == (0,)


def test_a_page_that_is_not_there_leaves_nothing_of_what_was_typed(door):
    door.get("/子痫前期怎么办/")
    assert paths() == ["（没有这个页面）"]


def test_whose_page_was_looked_at_is_not_recorded(door, bob):
    """That would be a trace of bob, in alice's rows, when bob leaves."""
    slug = Profile.objects.create(member=bob, hospital="协和", audience={"hospital": "everybody"}).slug
    assert door.get(f"/doctors/{slug}/").status_code == 200
    assert paths() == ["/doctors/…/"]


def test_the_code_of_somebodys_case_is_never_linked_to_a_member(door):
    code = open_case(member=None).claim_code
    assert door.get(f"/complaints/{code}/").status_code == 200
    (path,) = paths()
    assert path == "/complaints/…/"
    assert code not in path


def test_an_address_that_is_a_key_is_recorded_without_it(door, alice):
    course = make_course()
    door.get(f"/courses/{course.slug}/")
    door.get("/admin/accounts/user/17/change/")
    assert paths() == [f"/courses/{course.slug}/", "/admin/accounts/user/…/change/"]


def test_nobody_without_an_account_is_recorded(client, documents):
    client.get("/courses/")
    client.get("/account/login/")
    assert paths() == []


def test_what_a_page_fetches_by_itself_is_no_visit(door):
    door.get("/courses/", HTTP_SEC_FETCH_DEST="image")
    door.get("/courses/", HTTP_SEC_FETCH_DEST="empty")
    door.get("/courses/", HTTP_SEC_FETCH_DEST="document")
    assert paths() == ["/courses/"]


# ── How it is written ──


def test_a_page_waits_for_no_insert_and_many_take_one_statement(door, django_assert_num_queries):
    for _ in range(7):
        door.get("/courses/")
    assert not Visit.objects.exists()
    with django_assert_num_queries(1):
        assert services.write_visits() == 7


def test_visits_wait_for_a_database_that_is_down_and_keep_their_order(door, monkeypatch):
    door.get("/courses/")
    door.get("/complaints/")

    def down(_batch):
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(visits, "_insert", down)
        patch.setattr(connection, "close", lambda: None)  # the test's own
        with pytest.raises(OperationalError):
            services.write_visits()
        visits._write_what_is_left()  # the thread lives on
    assert paths() == ["/courses/", "/complaints/"]


@pytest.mark.django_db(transaction=True)
def test_a_line_that_the_database_refuses_holds_up_no_other(alice, now):
    for browser in ("before", "nul \x00", "after"):
        services.note_visit(services.Seen(alice.pk, now, "/", None, browser, ""))
    assert services.write_visits() == 2
    assert set(Visit.objects.values_list("browser", flat=True)) == {"before", "after"}


def test_a_database_that_stays_down_does_not_fill_the_memory(alice, now):
    seen = services.Seen(alice.pk, now, "/", None, "", "")
    for _ in range(visits.MOST_WAITING + 10):
        services.note_visit(seen)
    assert len(visits._waiting) == visits.MOST_WAITING


def test_who_is_leaving_or_gone_is_passed_over_and_spoils_nobodys_lines(alice, bob, now):
    gone = make_member()
    for member in (alice, bob, gone):
        services.note_visit(services.Seen(member.pk, now, "/", "203.0.113.9", "b", "zh"))
    type(bob).objects.filter(pk=bob.pk).update(closing_at=now)
    gone.delete()
    assert services.write_visits() == 1
    assert Visit.objects.get().member == alice


@pytest.mark.django_db(transaction=True)
def test_the_writer_of_a_process_writes_within_its_second_by_itself(alice, now, settings, monkeypatch):
    settings.VISITS_WRITTEN_EVERY = 0.05
    monkeypatch.setattr(visits, "_writer", None)
    written = threading.Event()
    really = visits._write_what_is_left

    def write():
        really()
        written.set()

    monkeypatch.setattr(visits, "_write_what_is_left", write)
    services.note_visit(services.Seen(alice.pk, now, "/", None, "", ""))
    writer = visits._writer
    assert written.wait(10)
    assert Visit.objects.count() == 1
    assert writer.daemon, "a process that ends is not kept by it"
    settings.VISITS_WRITTEN_EVERY = 0
    writer.join(10)
    assert not writer.is_alive(), "a writer that is told to stop would run in every test that comes after"
    settings.VISITS_WRITTEN_EVERY = 0.05
    written.clear()
    services.note_visit(services.Seen(alice.pk, now, "/again/", None, "", ""))
    assert written.wait(10), "and who writes again finds a new one"
    settings.VISITS_WRITTEN_EVERY = 0
    visits._writer.join(10)
    assert Visit.objects.filter(path="/again/").exists()


# ── How long ──


def test_visits_are_dropped_after_180_days_whatever_their_number(alice, now):
    old = [Visit(member=alice, at=now - timedelta(days=181), path="/") for _ in range(4_500)]
    Visit.objects.bulk_create(old)
    kept = add_visit(alice, now - timedelta(days=179))
    assert expire(now=now)["accounts.Visit"] == 4_500
    assert list(Visit.objects.all()) == [kept]


# ── The member's own page ──


def test_a_member_reads_a_days_visits_newest_first_and_nobody_elses(door, alice, bob, now):
    add_visit(alice, now - timedelta(minutes=2), "/first/")
    add_visit(alice, now - timedelta(minutes=1), "/second/")
    add_visit(bob, now, "/not-mine/")
    page = door.get("/me/visits/").content.decode()
    assert page.index("/second/") < page.index("/first/")
    assert "/not-mine/" not in page


def test_a_day_is_a_day_in_beijing(door, alice):
    with time_machine.travel("2026-11-20T15:30:00+00:00", tick=False):  # half past eleven at night there
        sign_in(door, alice)
        add_visit(alice, timezone.now(), "/late/")
        add_visit(alice, timezone.now() + timedelta(minutes=31), "/early/")
        page = door.get("/me/visits/?day=2026-11-20").content.decode()
    assert "/late/" in page
    assert "/early/" not in page


@pytest.mark.parametrize("day", ["", "x", "2026-02-30", "1999-01-01", "2999-01-01", "20'26", "\x00"])
def test_a_day_that_cannot_be_shows_the_newest_one(door, alice, now, day):
    add_visit(alice, now - timedelta(days=3), "/newest/")
    assert "/newest/" in door.get("/me/visits/", {"day": day}).content.decode()


def test_the_second_page_of_a_day_is_still_of_that_day(door, alice, now):
    day = now - timedelta(days=2)
    Visit.objects.bulk_create([Visit(member=alice, at=day, path="/x/") for _ in range(60)])
    shown = f"{timezone.localtime(day):%Y-%m-%d}"
    page = door.get(f"/me/visits/?day={shown}").content.decode()
    assert f"?day={shown}&amp;page=2" in page


def test_a_day_without_visits_says_so(door):
    assert "这一天没有访问记录" in door.get("/me/visits/?day=" + f"{timezone.localdate():%Y-%m-%d}").content.decode()


def test_the_page_asks_the_database_no_more_for_many_visits(door, alice, now, queries):
    add_visit(alice, now)
    few = queries("/me/visits/")
    Visit.objects.bulk_create([Visit(member=alice, at=now - timedelta(minutes=i), path="/x/") for i in range(3_000)])
    assert queries("/me/visits/") == few
    assert few <= 6


def test_nobody_reads_it_without_signing_in(documents):
    assert Client().get("/me/visits/").status_code == 302
