"""Rows at which much points go only when nothing points at them any more, whoever checks it."""

import secrets
import time
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction

from accounts import services
from accounts.models import User, Visit
from consent import inventory, keys
from tests.factories import make_member

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
BY_ID = (
    "WITH gone AS (DELETE FROM accounts_user WHERE id = ANY(%s) RETURNING id)"
    " SELECT id, count(*), array_agg(id) FROM gone GROUP BY id"
)


@pytest.fixture
def stray():
    """A table that no model knows, and that points at members."""
    _do("CREATE TABLE stray (member_id bigint REFERENCES accounts_user)")
    yield
    _do("DROP TABLE stray CASCADE")


@pytest.fixture
def plain_role():
    """A role that may do anything here but let triggers rest."""
    role = f"plain_{secrets.token_hex(4)}"
    _do(f"CREATE ROLE {role}", f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    yield role
    _do("RESET ROLE", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def _do(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _become(role: str, *, may_let_rest: bool = True) -> None:
    if may_let_rest:
        _do(f"GRANT SET ON PARAMETER session_replication_role TO {role}")
    _do(f"SET ROLE {role}")


def _ask(question: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def delete(*members: User) -> list[tuple[int, int]]:
    with transaction.atomic():
        return keys.delete(User, BY_ID, ([member.pk for member in members],))


def test_triggers_rest_for_one_statement_only(db):
    alice = make_member()
    assert delete(alice) == [(alice.pk, 1)]
    assert _ask("SHOW session_replication_role") == "origin"
    assert not User.objects.exists()


def test_what_a_table_that_no_model_knows_still_points_at_does_not_go(db, stray):
    alice, bob = make_member(), make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})")
    with pytest.raises(keys.StillPointedAt, match=r"^stray_member_id_fkey$"):
        delete(alice, bob)
    assert User.objects.count() == 2
    assert _ask("SHOW session_replication_role") == "origin"


@pytest.mark.django_db(transaction=True)
def test_without_the_right_postgresql_checks_and_finds_the_same(stray, plain_role):
    alice, bob = make_member(), make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})")
    _become(plain_role, may_let_rest=False)
    with pytest.raises(IntegrityError, match="stray_member_id_fkey") as told:
        delete(alice, bob)
    assert not isinstance(told.value, keys.StillPointedAt)
    assert delete(bob) == [(bob.pk, 1)]
    assert list(User.objects.all()) == [alice]


@pytest.mark.django_db(transaction=True)
def test_the_right_can_be_granted(stray, plain_role):
    alice = make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})")
    _become(plain_role)
    with pytest.raises(keys.StillPointedAt):
        delete(alice)
    _do("DELETE FROM stray")
    assert delete(alice) == [(alice.pk, 1)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_granted", [False, True])
def test_members_leave_a_site_whose_role_owns_nothing(documents, now, plain_role, is_granted):
    closure = services.close_account(member=make_member(), now=now - timedelta(days=8))
    _do(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {plain_role}")
    _become(plain_role, may_let_rest=is_granted)
    assert services.purge_due(now=now) == 1
    closure.refresh_from_db()
    assert closure.receipt
    assert not User.objects.exists()


def never_rests(*members: User) -> None:
    """Prove that PostgreSQL does the checking itself."""
    with pytest.raises(IntegrityError) as told:
        delete(*members)
    assert not isinstance(told.value, keys.StillPointedAt)


@pytest.mark.django_db(transaction=True)
def test_what_the_site_may_not_read_is_checked_by_postgresql(stray, plain_role):
    alice = make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})", f"REVOKE ALL ON stray FROM {plain_role}")
    _become(plain_role)
    never_rests(alice)


@pytest.mark.parametrize(
    "key",
    ["subject uuid REFERENCES accounts_user (subject)", "a bigint REFERENCES accounts_user ON DELETE RESTRICT"],
)
def test_a_key_at_another_column_and_one_that_refuses_at_once_are_kept(db, key):
    alice = make_member()
    _do(
        f"CREATE TABLE other ({key})",
        f"INSERT INTO other SELECT {key.split()[0]} FROM (SELECT id AS a, subject FROM"
        f" accounts_user WHERE id = {alice.pk}) AS one",
    )
    with pytest.raises(IntegrityError, match="other_"):
        delete(alice)


def test_a_key_of_several_columns_is_kept(db):
    alice = make_member()
    _do(
        "ALTER TABLE accounts_user ADD UNIQUE (id, subject)",
        "CREATE TABLE pair (a bigint, b uuid, FOREIGN KEY (a, b) REFERENCES accounts_user (id, subject))",
        f"INSERT INTO pair SELECT id, subject FROM accounts_user WHERE id = {alice.pk}",
    )
    never_rests(alice)


@pytest.mark.django_db(transaction=True)
def test_where_a_statement_does_not_see_what_others_wrote_postgresql_checks(stray):
    alice = make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})")
    _do("SET default_transaction_isolation = 'repeatable read'")
    never_rests(alice)
    _do("RESET default_transaction_isolation")


def test_a_deletion_that_fails_leaves_no_trigger_at_rest(db):
    with pytest.raises(ProgrammingError), transaction.atomic():
        keys.delete(User, BY_ID.replace("accounts_user", "nothing"), ([1],))
    assert _ask("SHOW session_replication_role") == "origin"


def test_whatever_a_key_is_called_it_is_checked(db):
    _do('CREATE TABLE "odd %s" ("of %(gone)s" bigint CONSTRAINT "it\'s 100%" REFERENCES accounts_user)')
    alice = make_member()
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "odd %s" VALUES ({alice.pk})')
    with pytest.raises(keys.StillPointedAt, match="it's 100%"):
        delete(alice)


def test_an_older_postgresql_is_not_asked_for_what_it_does_not_have(db, monkeypatch, stray):
    monkeypatch.setattr(keys, "GRANTABLE_SINCE", (9999,))
    alice = make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})")
    never_rests(alice)


def test_a_key_that_acts_still_does(db):
    _do("CREATE TABLE acting (member_id bigint REFERENCES accounts_user ON DELETE CASCADE)")
    alice = make_member()
    _do(f"INSERT INTO acting VALUES ({alice.pk})")
    delete(alice)
    assert _ask("SELECT count(*) FROM acting") == 0


def test_a_trigger_of_the_tables_own_still_fires(db):
    _do(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it fired'; END $$",
        "CREATE TRIGGER of_its_own BEFORE DELETE ON accounts_user FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    with pytest.raises(Exception, match="it fired"):
        delete(make_member())


def test_the_inventory_deletes_members_so(db, stray):
    alice = make_member()
    _do(f"INSERT INTO stray VALUES ({alice.pk})")
    with pytest.raises(keys.StillPointedAt):
        inventory.erase(member_ids=[alice.pk])
    _do("DELETE FROM stray")
    assert inventory.erase(member_ids=[alice.pk])["accounts.User"] == 1


def visit_of(member: User) -> Visit:
    return Visit.objects.create(member=member, at=member.date_joined, path="/")


def in_a_thread(work) -> tuple[Thread, list[Exception]]:
    failed: list[Exception] = []

    def run() -> None:
        try:
            with transaction.atomic():
                work()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread, failed


@pytest.mark.django_db(transaction=True)
def test_what_somebody_was_adding_meanwhile_is_waited_for_and_seen():
    alice, is_there = make_member(), Event()

    def add() -> None:
        visit_of(alice)
        connection.check_constraints()  # as at the end of a transaction
        is_there.set()
        time.sleep(0.3)

    thread, failed = in_a_thread(add)
    assert is_there.wait(10)
    with pytest.raises(keys.StillPointedAt, match="accounts_visit_member_id"):
        delete(alice)
    thread.join()
    assert not failed
    assert Visit.objects.get().member == alice


@pytest.mark.django_db(transaction=True)
def test_whoever_takes_away_what_points_there_is_waited_for():
    alice, is_gone = make_member(), Event()
    visit = visit_of(alice)

    def take_away() -> None:
        visit.delete()
        is_gone.set()
        time.sleep(0.3)

    thread, failed = in_a_thread(take_away)
    assert is_gone.wait(10)
    assert delete(alice) == [(alice.pk, 1)]
    thread.join()
    assert not failed


@pytest.mark.django_db(transaction=True)
def test_whoever_has_added_something_whose_key_is_checked_after_the_deletion_is_refused():
    alice, is_there, is_gone = make_member(), Event(), Event()

    def add() -> None:
        visit_of(alice)
        is_there.set()
        assert is_gone.wait(10)

    thread, failed = in_a_thread(add)
    assert is_there.wait(10)
    delete(alice)
    is_gone.set()
    thread.join()
    assert [type(error) for error in failed] == [IntegrityError]
    assert not Visit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_adds_something_during_the_deletion_waits_and_is_refused():
    alice = make_member()
    with transaction.atomic():
        delete(alice)
        thread, failed = in_a_thread(lambda: visit_of(alice))
        while not _ask(WAITING) and thread.is_alive():
            time.sleep(0.01)
        assert thread.is_alive()
    thread.join()
    assert [type(error) for error in failed] == [IntegrityError]
    assert not Visit.objects.exists()
