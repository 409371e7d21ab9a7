"""What has outlived its term is deleted and a record is left; whatever fails is seen, and holds up nothing else."""

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.db import connection

from accounts import services, tasks
from accounts.models import Closure, Export, Message, RetentionRun, User, Visit
from accounts.services import retention
from config.celery import BEAT_SCHEDULE
from consent import inventory
from consent.models import Acceptance, Evidence
from tests.accounts.test_purge_processes import in_parallel, locked
from tests.factories import make_member, make_staff, sign_in

pytestmark = pytest.mark.django_db

OFFICER = "个人信息保护负责人"
RUNS = "/admin/accounts/retentionrun/"
HOUR = timedelta(hours=1)


@pytest.fixture
def officer(client, settings) -> User:
    settings.STAFF_SECOND_STEP = False
    member = make_staff(role=OFFICER)
    sign_in(client, member)
    return member


def visit(member, *, at) -> Visit:
    return Visit.objects.create(member=member, at=at, path="/")


def one_of_each(member, documents, *, now) -> None:
    """Make something that outlived each of these terms."""
    visit(member, at=now - timedelta(days=181))
    failed_at = now - timedelta(days=8)
    Export.objects.create(
        member=member, state="failed", requested_at=failed_at, ended_at=failed_at, next_attempt_at=failed_at
    )
    ended = now - timedelta(days=4 * 366)
    Closure.objects.create(
        state="done", requested_at=ended, due_at=ended, next_attempt_at=ended, ended_at=ended, step=""
    )
    beginner = make_member(email="beginner@example.com", agrees=False)
    EmailAddress.objects.create(user=beginner, email=beginner.email, verified=False, primary=True)
    User.objects.filter(pk=beginner.pk).update(date_joined=now - timedelta(days=8))
    services.send_message(channel="mail", to="x@example.com", body="…", now=now - timedelta(days=8))
    Session.objects.create(session_key="x" * 32, session_data="", expire_date=now - HOUR)
    gate = documents["gate"]
    said = Acceptance.objects.create(
        subject_id="00000000-0000-4000-8000-000000000001",
        document=gate,
        kind="gate",
        sha256=gate.digest,
        action="acknowledged",
        at=now - timedelta(days=31),
    )
    Evidence.objects.create(acceptance=said, ip="203.0.113.9", browser="test")


@contextmanager
def poisoned(table: str):
    """Let the database refuse to delete from this table, with a message that quotes a person."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'row of canary@example.com'; END $$;
            CREATE TRIGGER poisoned BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER poisoned ON {table}; DROP FUNCTION refuse()")


KINDS = {
    "accounts.Visit",
    "accounts.Export",
    "accounts.Closure",
    "accounts.User",
    "accounts.Message",
    "sessions.Session",
    "consent.Evidence",
}


# ── The record ──


def test_one_run_deletes_everything_that_has_outlived_its_term_and_says_so(alice, documents, now):
    one_of_each(alice, documents, now=now)
    left = visit(alice, at=now - timedelta(days=100))
    assert services.keep_terms(now=now) == len(KINDS)
    run = RetentionRun.objects.get()
    assert {told["label"] for told in run.kinds if told["rows"] == 1} == KINDS
    assert {(told["overdue"], told["error"]) for told in run.kinds} == {(0, "")}
    assert (run.failures, run.rows) == (0, len(KINDS))
    assert run.of("accounts.Visit")["oldest"] == left.at.isoformat()
    assert run.of("accounts.Export")["oldest"] is None
    assert run.ended_at is not None
    assert services.keep_terms(now=now) == 0
    assert RetentionRun.objects.count() == 2


def test_every_kind_with_a_term_of_its_own_is_looked_after():
    listed = {kind.label for kind in services.kinds()}
    assert listed >= KINDS
    with_a_term = {entry.model: entry for entry in inventory.entries() if entry.until}
    keys = {entry.label: model._meta.get_field(entry.owned_through) for model, entry in with_a_term.items()}
    go_along = {label for label, key in keys.items() if not key.null and key.related_model in with_a_term}
    assert "courses.Payment" in go_along
    assert set(keys) - go_along <= listed


def test_each_kind_leaves_a_line_in_the_log_without_anybodys_data(alice, documents, now, caplog):
    caplog.set_level("INFO")
    one_of_each(alice, documents, now=now)
    services.keep_terms(now=now)
    told = [record.msg["label"] for record in caplog.records if "retention.kept" in record.getMessage()]
    assert sorted(told) == sorted(kind.label for kind in services.kinds())
    assert "example.com" not in caplog.text


def test_the_task_may_run_twice_and_a_run_is_kept_for_ninety_days(now):
    RetentionRun.objects.create(started_at=now - timedelta(days=91))
    kept = RetentionRun.objects.create(started_at=now - timedelta(days=89))
    for _ in range(2):
        tasks.delete_outlived_rows()
    assert RetentionRun.objects.count() == 3
    assert RetentionRun.objects.filter(pk=kept.pk).exists()


def test_the_clock_asks_for_one_job_and_for_the_alarm():
    jobs = {task for task in BEAT_SCHEDULE if "retention" in task or "outlived" in task or ".drop_" in task}
    assert jobs == {"accounts.tasks.delete_outlived_rows", "accounts.tasks.alarm_missed_retention"}


# ── Failing ──


def test_a_kind_that_fails_holds_up_no_other_and_is_told_by_its_kind(alice, documents, now, caplog):
    one_of_each(alice, documents, now=now)
    with poisoned("accounts_visit"):
        assert services.keep_terms(now=now) == len(KINDS) - 1
    run = RetentionRun.objects.get()
    assert {told["label"] for told in run.kinds if told["error"]} == {"accounts.Visit"}
    assert run.of("accounts.Visit")["error"] in {"ProgrammingError", "InternalError"}
    assert (run.failures, Visit.objects.count()) == (1, 1)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.msg["label"] for record in errors] == ["accounts.Visit"]
    assert "canary@example.com" not in caplog.text + str(run.kinds)


@pytest.mark.parametrize(
    ("label", "service"),
    [
        ("accounts.User", "drop_unproven_members"),
        ("accounts.Message", "drop_outdated_messages"),
        ("sessions.Session", "drop_ended_sessions"),
        ("consent.Evidence", "drop_outdated_evidence"),
    ],
)
def test_so_does_any_of_the_others(alice, documents, now, label, service):
    one_of_each(alice, documents, now=now)
    table = {kind.label: kind.outlived(now).model._meta.db_table for kind in services.kinds()}[label]
    with poisoned(table):
        services.keep_terms(now=now)
    assert {told["label"] for told in RetentionRun.objects.get().kinds if told["error"]} == {label}


def test_a_backlog_of_one_kind_does_not_keep_the_others_waiting(alice, documents, now, monkeypatch):
    one_of_each(alice, documents, now=now)
    visit(alice, at=now - timedelta(days=200))
    monkeypatch.setattr("consent.expiry.AT_ONCE", 1)
    monkeypatch.setattr(retention, "LONGEST_SWEEP", -1)  # the time is over at once
    services.keep_terms(now=now)
    run = RetentionRun.objects.get()
    assert {told["label"] for told in run.kinds if told["rows"]} == KINDS
    assert (run.of("accounts.Visit")["rows"], run.of("accounts.Visit")["overdue"]) == (1, 1)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_table_that_somebody_holds_fails_and_the_next_run_does_it(alice, now):
    visit(alice, at=now - timedelta(days=181))
    services.send_message(channel="mail", to="x@example.com", body="…", now=now - timedelta(days=8))
    with locked("accounts_visit", "ACCESS EXCLUSIVE"):
        services.keep_terms(now=now)
    assert RetentionRun.objects.get().of("accounts.Visit")["error"] == "OperationalError"
    assert not Message.objects.exists()
    services.keep_terms(now=now)
    assert not Visit.objects.exists()


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_delete_each_row_once(alice, now):
    for _ in range(40):
        visit(alice, at=now - timedelta(days=181))
    done = in_parallel(*[lambda: services.keep_terms(now=now)] * 2)
    assert sum(done) == 40
    assert not RetentionRun.objects.exclude(failures=0).exists()


# ── The alarm ──


def ran(*, at, failures=0, ended=True) -> RetentionRun:
    return RetentionRun.objects.create(started_at=at, ended_at=at if ended else None, failures=failures)


@pytest.mark.parametrize(("hours", "alarmed"), [(25, False), (27, True)])
def test_without_a_success_for_26_hours_the_alarm_is_raised(alice, now, caplog, hours, alarmed):
    ran(at=now - hours * HOUR)
    assert services.alarm_missed_retention(now=now) is alarmed
    assert ("retention.missed" in caplog.text) is alarmed


@pytest.mark.parametrize("how", [{"failures": 1}, {"ended": False}])
def test_a_run_that_failed_or_never_ended_is_no_success(now, how):
    ran(at=now - 30 * HOUR)
    ran(at=now - HOUR, **how)
    assert services.alarm_missed_retention(now=now)


def test_a_portal_that_never_did_it_owes_it_since_its_first_member(alice, now):
    assert not services.alarm_missed_retention(now=now)
    assert services.alarm_missed_retention(now=alice.date_joined + 27 * HOUR)


def test_the_alarm_ends_with_the_next_success(alice, now):
    ran(at=now - 30 * HOUR)
    assert services.alarm_missed_retention(now=now)
    services.keep_terms(now=now)
    assert not tasks.alarm_missed_retention()


def test_who_sees_the_runs_is_mailed_once_an_outage_and_not_every_hour(officer, alice, now):
    make_staff(role="客服")
    ran(at=now - 27 * HOUR)
    ran(at=now - HOUR, failures=1)
    for hours in range(3):
        assert services.alarm_missed_retention(now=now + hours * HOUR)
    (mail,) = Message.objects.all()
    assert (mail.member, mail.channel, mail.to) == (officer, "mail", officer.email)
    assert "27 小时没有成功的到期删除" in mail.body
    assert RUNS in mail.body
    ran(at=now + 4 * HOUR)
    assert not services.alarm_missed_retention(now=now + 5 * HOUR)
    assert services.alarm_missed_retention(now=now + 31 * HOUR)
    assert Message.objects.count() == 2


def test_it_is_told_once_too_when_it_was_never_done(officer, now):
    for hours in (27, 28, 51):
        assert services.alarm_missed_retention(now=now + hours * HOUR)
    assert Message.objects.count() == 1


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_it_once(officer, now):
    ran(at=now - 27 * HOUR)
    assert in_parallel(*[lambda: services.alarm_missed_retention(now=now)] * 2) == [True, True]
    assert Message.objects.count() == 1


# ── The desk ──


def heaps(client) -> str:
    return client.get("/admin/").content.decode().partition('class="waiting"')[2].partition("</section>")[0]


def test_the_front_page_shows_what_failed_and_for_how_long_nothing_succeeded(client, officer, now):
    ran(at=now - 30 * HOUR)
    ran(at=now - HOUR, failures=2)
    said = heaps(client)
    assert re.search(r"--urgent.*<strong>30</strong> 小时没有成功的到期删除", said, re.DOTALL)
    assert re.search(r"--urgent.*<strong>2</strong> 类信息到期没能删除", said, re.DOTALL)
    services.keep_terms(now=now)
    assert "到期" not in heaps(client)


def test_another_role_hears_nothing_of_it(client, settings, now):
    settings.STAFF_SECOND_STEP = False
    sign_in(client, make_staff(role="客服"))
    ran(at=now - 30 * HOUR)
    assert "到期" not in heaps(client)
    assert client.get(RUNS).status_code == 403


def cells_of(row: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]


def lines(html: str) -> dict[str, list[str]]:
    rows = re.findall(r'<th scope="row">([^<]+)</th>(.*?)</tr>', html, re.DOTALL)
    return {name: cells_of(row) for name, row in rows}


def test_the_page_tells_each_kind_its_clause_term_and_what_is_overdue_and_draws_it(client, officer, alice, now):
    for _ in range(3):
        visit(alice, at=now - timedelta(days=181))
    services.keep_terms(now=now)
    visit(alice, at=now - timedelta(days=190))
    html = client.get(RUNS).content.decode()
    assert "全部成功" in html
    oldest, error = "—", "—"
    assert lines(html)["访问记录"] == ["一2", "180 天", "3", "1", oldest, error]
    assert lines(html)["没有完成的注册"][:2] == ["一1", "7 天"]
    assert set(re.findall(r'<rect width="(\d+)"', html)) == {"100"}


def test_the_page_names_what_failed(client, officer, alice, now):
    visit(alice, at=now - timedelta(days=181))
    with poisoned("accounts_visit"):
        services.keep_terms(now=now)
    html = client.get(RUNS).content.decode()
    assert "1 类没能删除" in html
    assert lines(html)["访问记录"][5] in {"ProgrammingError", "InternalError"}
    detail = client.get(f"{RUNS}{RetentionRun.objects.get().pk}/change/").content.decode()
    assert "访问记录：0 条" in detail


def test_before_the_first_run_the_page_says_so(client, officer):
    assert "还没有运行过" in client.get(RUNS).content.decode()


def test_nobody_changes_what_was_recorded(client, settings, now):
    settings.STAFF_SECOND_STEP = False
    run = ran(at=now)
    sign_in(client, make_staff(is_superuser=True))
    assert client.post(f"{RUNS}{run.pk}/change/", {"failures": 9}).status_code == 403
    assert client.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{RUNS}add/").status_code == 403
