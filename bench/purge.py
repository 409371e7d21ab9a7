"""How many members a second the purge erases, against the same rows deleted by hand-written SQL in the same run.

The purge runs as it does when many are due: with as many sweeps at once as the clock lets run, as a role that may let
triggers rest. What one sweep alone takes is measured beside it. The SQL is one connection's, and leaves the keys to
PostgreSQL.

`SCALE=1`, which `make bench ONLY=purge` asks for, is ten thousand members who leave a portal of a hundred thousand;
among all the others it is measured with a tenth of them.
"""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from typing import Any
from unittest import mock

from bench import leavers
from bench.memory import forget_peak, peak

SCALE = float(os.environ.get("SCALE", "0.1"))
MEMBERS, LEAVING, ONE_BY_ONE = (max(1, int(SCALE * number)) for number in (100_000, 10_000, 1_000))
ROUNDS = 3
BATCHES = ("BATCH", "PROVEN")  # as much smaller as the portal is

# Set-based, for just these tables. A closure may only move as the database allows; the first line spares each trigger
# the error by which it finds out that it is not to be passed over.
FLOOR = [
    "SET LOCAL pgtrigger.ignore = '{}'",
    """
    CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT member_id AS id, subject
    FROM accounts_closure JOIN accounts_user ON accounts_user.id = member_id
    WHERE state = 'cooling' AND next_attempt_at <= now()
    """,
    "ANALYZE gone",
    "UPDATE accounts_closure SET state = 'running', step = 'rows' FROM gone WHERE member_id = gone.id",
    "UPDATE accounts_closure SET state = 'verifying' FROM gone WHERE member_id = gone.id",
    """
    DELETE FROM account_emailconfirmation USING account_emailaddress AS address, gone
    WHERE email_address_id = address.id AND address.user_id = gone.id
    """,
    "DELETE FROM account_emailaddress USING gone WHERE user_id = gone.id",
    "DELETE FROM socialaccount_socialaccount USING gone WHERE user_id = gone.id",
    "DELETE FROM mfa_authenticator USING gone WHERE user_id = gone.id",
    "DELETE FROM accounts_profile USING gone WHERE member_id = gone.id",
    "DELETE FROM accounts_visit USING gone WHERE member_id = gone.id",
    """
    DELETE FROM consent_evidence USING consent_acceptance AS said, gone
    WHERE acceptance_id = said.id AND said.subject_id = gone.subject
    """,
    """
    DELETE FROM complaints_entry USING complaints_case AS asked, gone
    WHERE case_id = asked.id AND asked.member_id = gone.id
    """,
    "DELETE FROM complaints_case USING gone WHERE member_id = gone.id",
    "DELETE FROM courses_enrollment USING gone WHERE member_id = gone.id",
    """
    UPDATE courses_order SET member_id = NULL, retention_ref = gen_random_uuid() FROM gone
    WHERE member_id = gone.id
    """,
    """
    UPDATE accounts_closure SET state = 'done', step = '', member_id = NULL, ended_at = now() FROM gone
    WHERE member_id = gone.id
    """,
    "DELETE FROM accounts_user USING gone WHERE accounts_user.id = gone.id",
]


@dataclass
class Spent:
    """What each way took, in seconds a member, round by round; of the purge also megabytes above an idle worker."""

    floor: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    bare_alone: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    one_by_one: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        rates = {name: 1 / statistics.median(spent) for name, spent in vars(self).items() if name != "megabytes"}
        told = ", ".join(f"{name} {rate:.0f}/s" for name, rate in rates.items())
        return f"# {LEAVING} of {MEMBERS} members leave: {told}; {max(self.megabytes):.0f} MB above idle"


def against_sql() -> float:
    """Return the time of the whole purge, scan and receipts included, against hand-written SQL."""
    return _against(_measured().whole, _measured().floor)


def against_sql_without_scan() -> float:
    """Return the same of what the purge does beside looking for traces."""
    return _against(_measured().bare, _measured().floor)


def against_orm() -> float:
    """Return the time of one sweep alone against deleting one member after the other with Django."""
    return _against(_measured().alone, _measured().one_by_one)


def of_sweeps_at_once() -> float:
    """Return the time that as many sweeps as may run take for the same members, against one."""
    return _against(_measured().whole, _measured().alone)


def megabytes() -> float:
    """Return by how much a worker's memory grows at most while it purges."""
    return max(_measured().megabytes)


def _against(own: list[float], floor: list[float]) -> float:
    return statistics.median(own) / statistics.median(floor)


@cache
def _measured() -> Spent:
    """Let every way erase members of its own, in turns; whose turn comes first changes."""
    spent = Spent()
    leavers.join(MEMBERS - LEAVING)
    ways: list[Callable[[Spent], None]] = [_floor, _bare, _whole, _bare_alone, _alone]
    for number in range(ROUNDS):
        for way in ways if number % 2 == 0 else ways[::-1]:
            way(spent)
            leavers.sweep_up()
    _one_by_one(spent)
    print(spent, flush=True)
    return spent


def _floor(spent: Spent) -> None:
    from django.db import connection, transaction

    leavers.leave(LEAVING)
    begun = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in FLOOR:
            cursor.execute(statement)
    spent.floor.append((time.perf_counter() - begun) / LEAVING)


def _bare(spent: Spent) -> None:
    from accounts import services

    seconds, _memory = _purged_by(services.SWEEPS_AT_ONCE, without_scan=True)
    spent.bare.append(seconds / LEAVING)


def _whole(spent: Spent) -> None:
    from accounts import services

    seconds, memory = _purged_by(services.SWEEPS_AT_ONCE)
    spent.whole.append(seconds / LEAVING)
    spent.megabytes.append(memory)


def _bare_alone(spent: Spent) -> None:
    seconds, _memory = _purged_by(1, without_scan=True)
    spent.bare_alone.append(seconds / LEAVING)


def _alone(spent: Spent) -> None:
    seconds, memory = _purged_by(1)
    spent.alone.append(seconds / LEAVING)
    spent.megabytes.append(memory)


def _one_by_one(spent: Spent) -> None:
    from accounts.models import User

    for member in User.objects.filter(pk__in=leavers.leave(ONE_BY_ONE)):
        begun = time.perf_counter()
        _delete(member)
        spent.one_by_one.append(time.perf_counter() - begun)


def _delete(member: Any) -> None:
    """Delete a member as Django does it by itself, after what it refuses to go over."""
    import uuid

    from django.db import transaction
    from django.utils import timezone

    from accounts.models import Closure
    from consent.models import Evidence

    with transaction.atomic():
        closure = Closure.objects.get(member=member)
        closure.erased_at = timezone.now()
        for closure.state, closure.step in (("running", "rows"), ("verifying", "proof")):
            closure.save()
        for order in member.orders.all():
            order.member, order.retention_ref = None, uuid.uuid4()
            order.save()
        Evidence.objects.filter(acceptance__subject=member).delete()
        member.delete()
        closure.refresh_from_db()
        closure.state, closure.step, closure.ended_at = "done", "", timezone.now()
        closure.save()


def _purged_by(workers: int, *, without_scan: bool = False) -> tuple[float, float]:
    """Let these many processes purge the same members at once; return the seconds it took and megabytes of the largest.

    :raises SystemExit: when one was not erased exactly once
    """
    from django.db import connections

    ids = leavers.leave(LEAVING)
    connections.close_all()
    fork = get_context("fork")
    start, told = fork.Barrier(workers + 1), fork.SimpleQueue()
    processes = [fork.Process(target=_worker, args=(start, told, without_scan)) for _ in range(workers)]
    for process in processes:
        process.start()
    start.wait()
    begun = time.perf_counter()
    said = [told.get() for _ in processes]
    seconds = time.perf_counter() - begun
    for process in processes:
        process.join()
    _verify(ids, sum(done for done, _ in said), has_receipts=not without_scan)
    return seconds, max(grown for _, grown in said)


def _worker(start: Any, told: Any, without_scan: bool) -> None:
    """Purge, once everybody is ready, whatever is due; tell how many that were and by how much the memory grew."""
    from django.db import connection
    from django.utils import timezone

    from accounts import services
    from accounts.services import purge, residue, steps
    from consent import inventory

    connection.ensure_connection()
    inventory.entries()
    patches = [mock.patch.object(purge, "LONGEST_SWEEP", 3600)]
    patches += [mock.patch.object(purge, name, max(1, int(getattr(purge, name) * SCALE))) for name in BATCHES]
    if without_scan:
        patches += [mock.patch.object(steps, "kept_of", return_value=residue.Identifiers())]
        patches += [mock.patch.object(steps.residue, "search", return_value=residue.Scan())]
        patches += [mock.patch.object(steps.receipts.Issuer, "issue")]
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        idle = forget_peak()
        start.wait()
        done = services.purge_due(now=timezone.now())
    told.put((done, peak() - idle))
    connection.close()


def _verify(ids: list[int], done: int, *, has_receipts: bool) -> None:
    """Make sure that every closure was carried out once, whoever did it."""
    from accounts.models import Closure, Erasure, User
    from consent.lookups import Among

    left = User.objects.filter(pk__among=Among(ids)).count()
    done_closures = Closure.objects.filter(state="done", tally__has_key="accounts.Visit").order_by("-pk")
    # No more than the numbers: what is read here would leave room in which the next worker does not seem to grow.
    numbers = list(done_closures.values_list("number", flat=True)[: len(ids)])
    noted = list(Erasure.objects.filter(number__in=numbers).values_list("number", flat=True))
    receipts = Closure.objects.filter(number__in=numbers).exclude(receipt="").count()
    right = [len(ids), 0, sorted(numbers), len(ids) if has_receipts else receipts]
    if [done, left, sorted(noted), receipts] != right:
        raise SystemExit(f"of {len(ids)} {done} went, {left} are left, {len(noted)} were noted, {receipts} told")
