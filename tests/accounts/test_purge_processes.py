"""The purge among real processes: killed, doubled, raced, and with an emptied Redis."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from unittest import mock

import psycopg
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts import services, tasks
from accounts.models import Closure, Erasure, User
from accounts.services import erasing, ledger, purge, receipts
from config.beat import LOCK
from config.tasks import PULSE
from tests import canaries
from tests.factories import make_member
from tests.workers import Workers, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PURGE = "accounts.tasks.purge_due_accounts"
NOW = timezone.now()


@pytest.fixture
def workers():
    started = Workers()
    yield started
    started.stop()
    with redis.Redis.from_url(started.broker) as client:
        client.flushdb()


def leaving(member: User) -> Closure:
    return services.close_account(member=member, now=timezone.now() - timedelta(days=8))


def brought_to(closure: Closure, step: str) -> Closure:
    """Let the purge have come this far, the way the database allows."""
    ours = Closure.objects.filter(pk=closure.pk)
    if step == Closure.Step.PROOF:
        with mock.patch("accounts.services.residue.search", side_effect=OSError):
            services.purge_due(now=timezone.now())
        ours.update(attempts=0, next_attempt_at=timezone.now())
    elif step:
        ours.update(state="running", step=step)
    return closure


def is_done(closure: Closure) -> bool:
    return Closure.objects.get(pk=closure.pk).state == "done"


@contextmanager
def locked(table: str, mode: str):
    """Hold a whole table, so that whoever comes to it waits."""
    known = connection.get_connection_params()
    parameters = {name: known[name] for name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**parameters) as holder:
        holder.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield
        holder.rollback()


def waiting_for_a_lock() -> list[str]:
    """Return the statements that wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return [query for (query,) in cursor.fetchall()]


# What a step comes to when it has begun and is not over; whoever erases has removed files and emptied caches by then.
IN_THE_MIDDLE_OF = {
    "": ("accounts_closure", "SHARE"),
    "sessions": ("django_session", "ACCESS EXCLUSIVE"),
    "release": ("courses_order", "ACCESS EXCLUSIVE"),
    "files": ("accounts_visit", "ACCESS EXCLUSIVE"),
    "caches": ("accounts_visit", "ACCESS EXCLUSIVE"),
    "rows": ("accounts_visit", "ACCESS EXCLUSIVE"),
    "proof": ("accounts_visit", "ACCESS EXCLUSIVE"),
}


@pytest.mark.parametrize("step", ["", *Closure.Step.values])
def test_a_worker_killed_in_the_middle_leaves_nothing_half_done(step, workers, alice, bob):
    canaries.upload(alice, "照片")
    closure = brought_to(leaving(alice), step)
    there = {bob} if step == Closure.Step.PROOF else {alice, bob}
    table, mode = IN_THE_MIDDLE_OF[step]
    with locked(table, mode):
        victim = workers.start()
        workers.ask(PURGE)
        wait_until(waiting_for_a_lock)
        (statement,) = waiting_for_a_lock()
        workers.kill(victim)
    assert table in statement
    assert erasing.directory_of(alice).exists() is (step in ("", "sessions", "release", "caches", "rows"))
    wait_until(lambda: not waiting_for_a_lock())
    assert Closure.objects.get(pk=closure.pk).step == step
    assert set(User.objects.all()) == there
    Closure.objects.update(next_attempt_at=timezone.now())  # the lease of the dead runs out
    assert services.purge_due(now=timezone.now()) == 1  # this process is the next worker
    assert list(User.objects.all()) == [bob]


def test_an_emptied_redis_between_closing_and_purge_loses_nothing(workers, alice):
    closure = leaving(alice)
    for url in (workers.broker, settings.CACHES["default"]["LOCATION"]):
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    workers.start()
    workers.ask(PURGE)
    wait_until(lambda: is_done(closure))
    assert not User.objects.exists()


def test_a_redis_that_is_emptied_while_a_sweep_is_at_work_loses_nothing(workers, alice):
    closure = leaving(alice)
    with locked("accounts_visit", "ACCESS EXCLUSIVE"):
        workers.start()
        workers.ask(PURGE)
        wait_until(waiting_for_a_lock)
        for url in (workers.broker, settings.CACHES["default"]["LOCATION"]):
            with redis.Redis.from_url(url) as client:
                client.flushdb()
    wait_until(lambda: is_done(closure))
    assert not User.objects.exists()


def in_parallel(*work):
    """Do these at the same moment, each on its own connection; return what each returned or raised."""
    start = Barrier(len(work))

    def run(job):
        try:
            start.wait()
            return job()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def many_leaving(number: int) -> list[Closure]:
    members = User.objects.bulk_create(User(email=f"leaver{n}@example.com", closing_at=NOW) for n in range(number))
    return Closure.objects.bulk_create(
        Closure(member=member, requested_at=NOW - timedelta(days=8), due_at=NOW, next_attempt_at=NOW)
        for member in members
    )


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_at_once_erase_each_member_once_and_give_each_one_receipt(workers, monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 100)
    monkeypatch.setattr(purge, "PROVEN", 100)  # so that everybody gets some of them
    closures = many_leaving(1000)
    stays = make_member()
    done = in_parallel(*[lambda: services.purge_due(now=NOW)] * workers)
    assert sum(done) == len(closures)
    assert list(User.objects.all()) == [stays]
    assert sum(in_parallel(*[services.write_ledger] * workers)) == Erasure.objects.count() == len(closures)
    assert len(list(ledger.lines())) == len(closures)
    each_went_once(closures)


def each_went_once(closures: list[Closure]) -> None:
    """Prove that each of these has been carried out once, has one receipt, and one line in the ledger."""
    found = list(Closure.objects.filter(state="done", attempts=0))
    assert {closure.number for closure in found} == {closure.number for closure in closures}
    assert {closure.tally["accounts.User"] for closure in found} == {1}
    told = [receipts.read(closure) for closure in found]
    assert {receipt.content["number"] for receipt in told if receipt.is_valid} == {c.number for c in closures}
    every = list(ledger.lines())
    assert [line.sequence for line in every] == list(range(1, len(every) + 1))
    lines = [line for line in every if line.kind == Erasure.Kind.ERASED]
    assert len({line.subject for line in lines}) == len({line.number for line in lines}) == len(lines) == len(closures)
    assert {line.number for line in lines} == {closure.number for closure in closures}


@pytest.mark.parametrize("number", [2, 4])
def test_two_clocks_and_several_worker_processes_erase_each_of_a_thousand_once(workers, who_erases, number):
    closures, stays = many_leaving(1000), make_member()
    for _ in range(number):
        workers.start(app="tests.small_batches")
        workers.ask(PURGE)
    started = [workers.start_clock() for _ in range(2)]
    wait_until(lambda: not Closure.objects.live().exists(), seconds=60)
    wait_until(lambda: not Erasure.objects.unwritten().exists())
    wait_until(lambda: clocks() == (1, 1))
    assert [clock.poll() for clock in started] == [None, None]
    each_went_once(closures)
    assert list(User.objects.all()) == [stays]
    assert len(who_erases()) >= services.SWEEPS_AT_ONCE


@pytest.fixture
def who_erases():
    """Let the database note which session erases; return what lists those that did."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TABLE erased_by (pid int UNIQUE);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO erased_by VALUES (pg_backend_pid()) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
            CREATE TRIGGER noted AFTER UPDATE ON accounts_closure FOR EACH ROW
                WHEN (NEW.state = 'verifying' AND OLD.state = 'running') EXECUTE FUNCTION note();
            """
        )

    def listed() -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM erased_by")
            return [pid for (pid,) in cursor.fetchall()]

    yield listed
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER noted ON accounts_closure; DROP FUNCTION note(); DROP TABLE erased_by")


def test_when_the_clock_that_leads_is_killed_the_other_goes_on(workers, alice):
    workers.start()
    leader = workers.start_clock()
    wait_until(lambda: cache.get(PULSE))
    workers.start_clock()
    wait_until(lambda: clocks() == (1, 1))
    leads = leading()
    workers.kill(leader)
    with redis.Redis.from_url(workers.broker) as client:
        client.flushdb()  # what the dead one had asked for
    cache.delete(PULSE)
    closure = leaving(alice)
    wait_until(lambda: is_done(closure), seconds=60)
    assert cache.get(PULSE)
    assert len(leading()) == 1
    assert leading() != leads


def leading() -> list[int]:
    """Return the sessions of the clocks that tick."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s", [LOCK])
        return [pid for (pid,) in cursor.fetchall()]


def clocks() -> tuple[int, int]:
    """Count the clocks that tick, and those that stand by."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL (%s)"
            " AND state = 'idle' AND query = 'SELECT pg_try_advisory_lock($1)'",
            [leading()],
        )
        return len(leading()), cursor.fetchone()[0]


def test_the_clocks_own_task_is_carried_out_by_two_at_once_and_by_no_third(monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 10)
    many_leaving(100)
    begun, at_work = Barrier(2, timeout=30), []
    real = services.purge_due

    def purge_beside_each_other(*, now):
        begun.wait()
        at_work.extend(in_parallel(tasks.purge_due_accounts))  # a third that comes meanwhile
        begun.wait()
        return real(now=now)

    monkeypatch.setattr(services, "purge_due", purge_beside_each_other)
    done = in_parallel(tasks.purge_due_accounts, tasks.purge_due_accounts)
    assert at_work == [0, 0]
    assert sum(done) == Closure.objects.filter(state="done").count() == 100


@pytest.mark.parametrize("_round", range(8))
def test_who_withdraws_at_the_very_moment_either_stays_or_goes_never_half(_round, alice):
    closure = leaving(alice)
    now = timezone.now()
    withdrawn, _ = in_parallel(
        lambda: services.withdraw_closure(member=alice, now=now), lambda: services.purge_due(now=now)
    )
    services.purge_due(now=now)
    closure.refresh_from_db()
    if isinstance(withdrawn, services.ClosureNotRevocable):
        assert (closure.state, User.objects.count()) == ("done", 0)
    else:
        assert (closure.state, User.objects.get().is_closing) == ("withdrawn", False)


def test_closing_twice_at_the_same_moment_closes_once(alice):
    now = timezone.now()
    first, second = in_parallel(*[lambda: services.close_account(member=alice, now=now)] * 2)
    assert Closure.objects.count() == 1
    assert {type(first), type(second)} == {Closure, services.AlreadyClosing}


def test_what_is_added_for_a_member_while_they_go_either_goes_too_or_is_refused(alice):
    """A payment that settles at this very moment must not leave a row that points at nobody."""
    closure = leaving(alice)
    now = timezone.now()
    added = in_parallel(
        lambda: services.purge_due(now=now),
        *[lambda: services.send_message(channel="mail", to="x@example.com", body="…", member=alice, now=now)] * 4,
    )
    while not is_done(closure):
        now += timedelta(minutes=1)
        services.purge_due(now=now)
    assert len(added) == 5
    assert not User.objects.exists()
