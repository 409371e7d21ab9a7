"""Withdrawing, ending for cause, 不是我, purge and rehearsal in the same instant: the member is locked first by all."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Closure, Exclusion, Message, User
from tests.accounts.test_alerts import link_in, notices
from tests.accounts.test_purge_processes import in_parallel, waiting_for_a_lock
from tests.factories import make_member, make_staff, sign_in
from tests.workers import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

ROUNDS = 8


@pytest.fixture
def leaver(alice):
    """A member with a way in, who is closing and may still change their mind."""
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    services.close_account(member=alice, now=timezone.now())
    return User.objects.get(pk=alice.pk)


@contextmanager
def held(table: str):
    """Hold a table's rows, as whoever is at work on them does."""
    known = connection.get_connection_params()
    parameters = {name: known[name] for name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**parameters) as holder:
        holder.execute(f"SELECT 1 FROM {table} FOR UPDATE")
        yield holder
        holder.rollback()


def assert_is_out_for_good(member: User) -> None:
    closure = Closure.objects.live().get(member=member)
    assert (closure.is_final, User.objects.get(pk=member.pk).is_closing) == (True, True)
    assert Exclusion.objects.filter(member=member).count() == 1
    assert "被终止" in Message.objects.filter(member=member).latest("pk").body


@pytest.mark.parametrize("_round", range(ROUNDS))
@pytest.mark.parametrize("change_their_mind", [services.withdraw_closure, services.delete_now])
def test_who_changes_their_mind_while_they_are_shown_out_is_out_and_told_and_sees_no_error(
    change_their_mind, _round, leaver
):
    officer, now = make_staff(), timezone.now()
    changed, ended = in_parallel(
        lambda: change_their_mind(member=leaver, now=now),
        lambda: services.terminate(member=leaver, by=officer, now=now),
    )
    assert type(changed) in {Closure, services.ClosureNotRevocable}
    assert type(ended) is Closure
    assert_is_out_for_good(leaver)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_link_that_locks_while_its_member_is_shown_out_gives_nothing_back(_round, alice):
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    officer, now = make_staff(), timezone.now()
    services.alert(member=alice, what="x", now=now)
    token = link_in(notices(alice.email)[-1]).strip("/").split("/")[-1]
    services.close_account(member=alice, now=now)
    locked, ended = in_parallel(
        lambda: services.lock(token=token, now=now),
        lambda: services.terminate(member=alice, by=officer, now=now),
    )
    assert type(locked) in {services.Effect, services.LinkIsSpent}
    assert type(ended) is Closure
    assert_is_out_for_good(alice)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_who_withdraws_during_a_rehearsal_waits_for_its_end(_round, alice):
    now = timezone.now()
    services.close_account(member=alice, now=now - timedelta(days=8))
    withdrawn, rehearsal = in_parallel(
        lambda: services.withdraw_closure(member=alice, now=now), lambda: services.rehearse_purge(now=now)
    )
    assert type(withdrawn) is Closure
    assert rehearsal.failures == []
    assert not User.objects.get(pk=alice.pk).is_closing


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_who_is_shown_out_while_they_are_purged_is_either_told_or_gone(_round):
    officer, now = make_staff(), timezone.now()
    member = make_member()
    EmailAddress.objects.create(user=member, email=member.email, verified=True, primary=True)
    services.close_account(member=member, now=now - timedelta(days=8))
    ended, purged = in_parallel(
        lambda: services.terminate(member=member, by=officer, now=now), lambda: services.purge_due(now=now)
    )
    assert type(ended) in {Closure, User.DoesNotExist}
    assert type(purged) is int
    while services.purge_due(now=now + timedelta(days=1)):
        pass
    assert not User.objects.filter(pk=member.pk).exists()
    assert Exclusion.objects.filter(member=None).count() == (type(ended) is Closure)


def test_at_the_desk_who_was_purged_meanwhile_is_not_found(settings, client, alice):
    settings.STAFF_SECOND_STEP = False
    officer = make_staff(role="个人信息保护负责人")
    sign_in(client, officer)
    address = f"/admin/accounts/user/{alice.pk}/terminate/"
    with held("accounts_user") as purge, ThreadPoolExecutor(1) as pool:
        purge.execute("DELETE FROM accounts_user WHERE id = %s", [alice.pk])
        answer = pool.submit(ended_at_the_desk, client, address)
        wait_until(waiting_for_a_lock)
        purge.commit()
        assert answer.result() == 404
    assert not Closure.objects.exists()


def ended_at_the_desk(client: Client, address: str) -> int:
    try:
        return client.post(address, {"is_told": "on"}).status_code
    finally:
        connection.close()


def test_whoever_is_changing_their_mind_is_passed_over_by_the_purge(leaver):
    later = timezone.now() + timedelta(days=8)
    with held("accounts_user"):
        assert services.purge_due(now=later) == 0
        assert services.rehearse_purge(now=later).closures == 0
    assert Closure.objects.get().state == "cooling"
    assert services.purge_due(now=later) == 1


def test_a_purge_that_has_begun_is_not_waited_for(leaver):
    officer, now = make_staff(), timezone.now()
    Closure.objects.update(state="running", step="sessions")
    with held("accounts_closure"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")  # who waits all the same fails
        with pytest.raises(services.ClosureNotRevocable):
            services.withdraw_closure(member=leaver, now=now)
        services.terminate(member=leaver, by=officer, now=now)
    assert Exclusion.objects.count() == 1
    assert "被终止" in Message.objects.latest("pk").body
