"""The purge: carries closures whose day has come through their steps.

The table is the queue. A worker locks a batch of rows, does one step for all of them in one transaction and writes down
the next step in the same: a killed worker leaves locks that vanish and a step that is simply due again. Only `release`
speaks to the outside, so it runs without a transaction, under a lease. When a batch fails, each of it is tried alone:
one poisoned row blocks its owner and nobody else. A part that is down spoils every row alike: then all of them wait.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import redis
import structlog
from django.db import connection, transaction

from accounts import closing
from accounts.models import Closure, PurgePause, User
from accounts.services import erasing, findings, ledger, receipts
from accounts.services.residue import Residue, shown

BATCH = 50
LEASE = timedelta(minutes=10)  # longer than a small batch of calls that all time out
LEASED = 20
PATIENCE = 5  # failures of one step before staff see it as blocked; it is tried again all the same
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_SWEEP = 60  # seconds
PART_IS_DOWN = (redis.RedisError,)

log = structlog.get_logger(__name__)
State, Step = Closure.State, Closure.Step


def purge_due(*, now: datetime) -> int:
    """Purge closures whose day has come, as far as they go; return how many are done.

    A sweep ends after a minute whatever is left, so that `now` stays true and a worker can be stopped; and before the
    next batch when somebody pauses it.
    """
    end = monotonic() + LONGEST_SWEEP
    while _goes_on(end) and _begin(now):
        pass
    _look_again(now)
    tried: list[int] = []
    for step in Step:
        carry = _release if step == Step.RELEASE else partial(_carry, step)
        while _goes_on(end) and (batch := carry(now)):
            tried += [closure.pk for closure in batch] if step == Step.ROWS else []
    return Closure.objects.filter(pk__in=tried, state=State.DONE).count()


def _goes_on(end: float) -> bool:
    """Tell whether a sweep may take another batch: asked before each, for a pause holds those that already run."""
    return monotonic() < end and not PurgePause.objects.standing().exists()


@transaction.atomic
def _begin(now: datetime) -> int:
    """Start on a batch; from here on nobody can withdraw."""
    due = [closure.pk for closure in Closure.objects.cooling().due(now).claimed()[:BATCH]]
    return Closure.objects.filter(pk__in=due).update(state=State.RUNNING, step=Step.SESSIONS)


@transaction.atomic
def _look_again(now: datetime) -> None:
    """Let those that wait for a decision be verified anew: what others said may be gone."""
    due = [closure.pk for closure in Closure.objects.held().filter(step=Step.ROWS).due(now).claimed()[:BATCH]]
    Closure.objects.filter(pk__in=due).update(state=State.VERIFYING)


def _carry(step: str, now: datetime, *, only: Collection[int] = ()) -> list[Closure]:
    """Carry a batch through one step; return those that were tried."""
    batch: list[Closure] = []
    try:
        with transaction.atomic():
            batch += _claimed(step, now, only=only)
            _work(step, batch, now)
    except Exception as error:
        if not batch:
            raise
        _go_on_without(batch, error, now)
    return batch


def _work(step: str, batch: list[Closure], now: datetime) -> None:
    if batch:
        with connection.cursor() as cursor:  # somebody's long transaction delays one member, not the sweep
            cursor.execute("SET LOCAL lock_timeout = '5s'")
        WORK[step](batch, now)


def _claimed(step: str, now: datetime, *, only: Collection[int] = (), limit: int = BATCH) -> list[Closure]:
    due = Closure.objects.at(step).due(now).claimed().select_related("member")
    return list((due.filter(pk__in=only) if only else due)[:limit])


def _go_on_without(batch: list[Closure], error: Exception, now: datetime) -> None:
    if isinstance(error, Residue) and (error.left or error.undecided):
        _set_apart(batch, error, now)
    else:
        _try_alone(batch, error, now)


def _try_alone(batch: list[Closure], error: Exception, now: datetime) -> None:
    """Find the one that spoils a batch; what is known to fail alone waits."""
    if len(batch) == 1 or isinstance(error, PART_IS_DOWN):
        for closure in batch:
            _put_off(closure, error, now)
        return
    for closure in batch:
        _carry(closure.step, now, only=[closure.pk])


def _set_apart(batch: list[Closure], residue: Residue, now: datetime) -> None:
    """Let those of whom something is left wait, each for what is theirs; the others of the batch go on."""
    clean = []
    for closure in batch:
        left, undecided = (found.get(closure.member_id or 0) for found in (residue.left, residue.undecided))
        if left:
            _put_off(closure, Residue(shown(left)), now)
        if undecided:
            findings.ask(closure=closure, places=undecided, now=now, holds=not left)
        if not (left or undecided):
            clean.append(closure.pk)
    if clean:
        _carry(batch[0].step, now, only=clean)


@transaction.atomic
def _put_off(failed: Closure, error: Exception, now: datetime) -> None:
    """Write down a failure, its kind only, and when to try again; unless another worker has got on with it."""
    closure = Closure.objects.at(failed.step).claimed().filter(pk=failed.pk).first()
    if closure is None:
        return
    closure.attempts += 1
    closure.state = State.BLOCKED if closure.attempts >= PATIENCE else closure.state
    closure.next_attempt_at = now + min(FIRST_WAIT * 2 ** min(closure.attempts, 10), LONGEST_WAIT)
    closure.error = kind_of(error)
    closure.save(update_fields=["attempts", "state", "next_attempt_at", "error"])
    tell = log.error if closure.state == State.BLOCKED else log.warning
    tell("closure.failed", closure=closure.pk, step=closure.step, attempts=closure.attempts, error=closure.error)


def kind_of(error: Exception) -> str:
    """Name an error and the table or constraint it happened at; its message may quote a person's data."""
    if isinstance(error, Residue):
        return f"Residue: {error}"[:200]
    diagnosis = getattr(error.__cause__, "diag", None)
    place = diagnosis and (diagnosis.constraint_name or diagnosis.table_name)
    return f"{type(error).__name__}: {place}"[:200] if place else type(error).__name__


def _advance(batch: list[Closure], **changes: Any) -> None:
    """Write down that a step is behind these closures; all of them are at the same one."""
    here, step = batch[0].step, batch[0].next_step
    state = State.VERIFYING if step == Step.ROWS else State.RUNNING
    ours = Closure.objects.at(here).filter(pk__in=[closure.pk for closure in batch])
    ours.update(step=step, state=state, attempts=0, error="", **changes)


def _release(now: datetime) -> list[Closure]:
    """End what ties a few members to the outside, each for themselves, without a transaction."""
    with transaction.atomic():
        batch = _claimed(Step.RELEASE, now, limit=LEASED)
        Closure.objects.filter(pk__in=[closure.pk for closure in batch]).update(next_attempt_at=now + LEASE)
    for closure in batch:
        _release_one(closure, now)
    return batch


def _release_one(closure: Closure, now: datetime) -> None:
    try:
        closing.release(closure.member)
    except Exception as error:
        _put_off(closure, error, now)
    else:
        _advance([closure], next_attempt_at=now)


def _members(batch: list[Closure]) -> list[User]:
    return [closure.member for closure in batch if closure.member is not None]


def _for_members(work: Callable[[list[User]], int]) -> Callable[[list[Closure], datetime], None]:
    """Make a step of what is done to members: do it, then go on to the next."""

    def step(batch: list[Closure], _now: datetime) -> None:
        work(_members(batch))
        _advance(batch)

    return step


def _finish(batch: list[Closure], now: datetime) -> None:
    """Erase these members and verify it; what remains of each is a closure that names nobody."""
    ours = Closure.objects.filter(pk__in=[closure.pk for closure in batch])
    ours.filter(state=State.BLOCKED).update(state=State.VERIFYING)
    members = _members(batch)
    erased = ledger.entries(zip(batch, members, strict=True), now=now)
    tallies, scan = erasing.erase_and_verify(members, findings.decided_of(batch))
    ledger.record(erased)
    for closure, member in zip(batch, members, strict=True):
        closure.tally = tallies[member.pk]
        receipts.issue(closure, member_id=member.pk, tally=tallies[member.pk], scan=scan, now=now)
    Closure.objects.bulk_update(batch, ["tally", "receipt", "signature", "signed_with"])
    findings.close_questions(closures=batch, now=now)
    ours.update(state=State.DONE, step="", attempts=0, error="", ended_at=now)
    log.info("closure.done", closures=len(batch), rows=sum(tally.total() for tally in tallies.values()))


def _leave(members: list[User]) -> int:
    """End their sessions; from here on rows go, so what the last step looks for is kept now."""
    erasing.keep_traces(members)
    return erasing.end_sessions(members)


WORK: dict[str, Callable[[list[Closure], datetime], None]] = {
    Step.SESSIONS: _for_members(_leave),
    Step.FILES: _for_members(erasing.remove_files),
    Step.CACHES: _for_members(erasing.clear_caches),
    Step.ROWS: _finish,
}
