"""The purge: carries closures whose day has come through their steps.

The table is the queue. A worker locks a batch of rows, does for all of them in one transaction as many steps as nothing
outside can hold up, and writes down the next one in the same: a killed worker leaves locks that vanish and a step that
is simply due again. Only `release` speaks to the outside: whoever nobody outside knows of passes it over; for the
others it runs without a transaction, under a lease, and never longer than its share of a sweep. When a batch fails,
each step is tried alone, then each half of the batch: one poisoned row blocks its owner and nobody else. A part that is
down spoils every row alike: then all of them wait.

The deletion is final before anything is searched: what the search finds holds up the receipt only. One search of
everything that is stored, the dearest part, serves all who were erased meanwhile.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

import redis
import structlog
from django.db import connection, transaction

from accounts import closing
from accounts.models import Closure, PurgePause
from accounts.models.closure import ClosureQuerySet
from accounts.services.residue import Unsearchable
from accounts.services.steps import WORK, go_on, members_of
from consent.keys import StillPointedAt
from consent.lookups import Among

SWEEPS_AT_ONCE = 2  # the clock begins one every ten seconds; more would keep the workers from all else
BATCH = 5000
PROVEN = 10_000  # by one search
LEASE = timedelta(minutes=10)  # longer than a small batch of calls that all time out
LEASED = 20
PATIENCE = 5  # failures of one step before staff see it as blocked; it is tried again all the same
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_SWEEP = 60  # seconds
LONGEST_RELEASE = 20  # seconds of them: a channel that is slow holds up its own members only
PART_IS_DOWN = (redis.RedisError, Unsearchable)
# What the steps need; to open a number or a name that is sealed takes longer than all of it.
READ = ["number", "state", "step", "attempts", "tally", "member", "member__subject", "member__media_prefix"]
READ_OF_NOBODY = ["number", "state", "step", "attempts", "erased_at"]

log = structlog.get_logger(__name__)
State, Step = Closure.State, Closure.Step


@dataclass(frozen=True)
class Sweep:
    """One round of the purge: whatever is due at `now` is done in it once, and what fails waits from when it failed."""

    now: datetime
    begun: float  # of `monotonic`, as is the end
    end: float

    @property
    def moment(self) -> datetime:
        return self.now + timedelta(seconds=monotonic() - self.begun)

    def is_over(self) -> bool:
        return monotonic() >= self.end

    def goes_on(self) -> bool:
        """Tell whether it may take another batch: asked before each, for a pause holds those that already run."""
        return not self.is_over() and not PurgePause.objects.standing().exists()

    def for_at_most(self, seconds: float) -> "Sweep":
        return replace(self, end=min(self.end, monotonic() + seconds))


def purge_due(*, now: datetime) -> int:
    """Purge closures whose day has come, as far as they go; return how many are done.

    A sweep ends after a minute whatever is left, so that a worker can be stopped; and before the next batch when
    somebody pauses it. Receipts tell the moment at which their batch was begun.
    """
    begun = monotonic()
    sweep = Sweep(now, begun, begun + LONGEST_SWEEP)
    while sweep.goes_on() and _begin(now):
        pass
    if sweep.goes_on():
        _look_again(now)
    proven: list[int] = []
    for step in Step:
        share = sweep.for_at_most(LONGEST_RELEASE) if step == Step.RELEASE else sweep
        carry = _release if step == Step.RELEASE else partial(_carry, step)
        while share.goes_on() and (ids := carry(share)):
            proven += ids if step == Step.PROOF else []
    return Closure.objects.filter(pk__among=Among(proven), state=State.DONE).count()


@transaction.atomic
def _begin(now: datetime) -> int:
    """Start on a batch; from here on nobody can withdraw. Whoever is about to is passed over."""
    due = Closure.objects.cooling().due(now).claimed_with_members().values_list("pk", flat=True)
    return Closure.objects.filter(pk__among=Among(due[:BATCH])).update(state=State.RUNNING, step=Step.SESSIONS)


@transaction.atomic
def _look_again(now: datetime) -> None:
    """Let those that wait for a decision be searched for anew: what others said may be gone."""
    due = Closure.objects.held().due(now).claimed().values_list("pk", flat=True)
    Closure.objects.filter(pk__among=Among(due[:BATCH])).update(state=State.VERIFYING)


def _carry(step: str, sweep: Sweep, *, only: Collection[int] = (), is_far: bool = True) -> list[int]:
    """Carry a batch through one step, or as far as it goes without the outside; return which were tried."""
    batch: list[Closure] = []
    try:
        with transaction.atomic():
            batch += _claimed(step, sweep.now, only=only)
            _work(step, batch, sweep.moment, is_far=is_far)
    except Exception as error:
        if not batch:
            raise
        if is_far and _leads_further(step):
            _carry(step, sweep, only=[closure.pk for closure in batch], is_far=False)
        else:
            _try_halves(batch, error, sweep)
    return [closure.pk for closure in batch]


def _leads_further(step: str) -> bool:
    """Tell whether other steps may follow in the same transaction: erasing comes last, and the proof after it."""
    return step not in (Step.ROWS, Step.PROOF)


def _work(step: str, batch: list[Closure], now: datetime, *, is_far: bool) -> None:
    """Do a step and, if it is to go far, those that follow it up to the erasing."""
    if not batch:
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")  # somebody's long transaction delays one member, not the sweep
        # No trigger is passed over. As long as nobody says so, each asks by an error that it catches, row by row.
        cursor.execute("SET LOCAL pgtrigger.ignore = '{}'")
    WORK[step](batch, now)
    while batch and _leads_further(step):
        batch, step = _towards(_after(step), batch)
        if not is_far:
            go_on(batch, step)
            break
        WORK[step](batch, now)


def _after(step: str) -> str:
    steps = Step.values
    return steps[steps.index(step) + 1]


def _towards(step: str, batch: list[Closure]) -> tuple[list[Closure], str]:
    """Let those wait of whom somebody outside knows; the others have nothing to be released from."""
    if step != Step.RELEASE:
        return batch, step
    bound = closing.bound([member.pk for member in members_of(batch)])
    go_on([closure for closure in batch if closure.member_id in bound], step)
    return [closure for closure in batch if closure.member_id not in bound], _after(step)


def _claimed(step: str, now: datetime, *, only: Collection[int] = (), limit: int | None = None) -> list[Closure]:
    """Lock closures that are due; those that have failed before spoil no batch of others."""
    at = Closure.objects.at(step).due(now)
    of_members = at.claimed_with_members().select_related("member").only(*READ)
    due = at.claimed().only(*READ_OF_NOBODY) if step == Step.PROOF else of_members
    if only:
        return list(due.filter(pk__among=Among(only)))
    limit = limit or (PROVEN if step == Step.PROOF else BATCH)
    return list(due.filter(attempts=0)[:limit]) or list(due.filter(attempts__gt=0)[:limit])


def _try_halves(batch: list[Closure], error: Exception, sweep: Sweep) -> None:
    """Find the one that spoils a batch; what is known to fail alone waits, and so does what time was too short for."""
    if len(batch) == 1 or isinstance(error, PART_IS_DOWN) or sweep.is_over():
        _put_off(batch, error, sweep.moment)
        return
    middle = len(batch) // 2
    for half in (batch[:middle], batch[middle:]):
        if sweep.is_over():
            _try_halves(half, error, sweep)
        elif sweep.goes_on():
            _carry(half[0].step, sweep, only=[closure.pk for closure in half], is_far=False)


@transaction.atomic
def _put_off(failed: list[Closure], error: Exception, now: datetime) -> None:
    """Write down a failure, its kind only, and when to try again; but not where another worker has got on with it."""
    step, kind = failed[0].step, kind_of(error)
    still = Closure.objects.at(step).claimed().filter(pk__among=Among([closure.pk for closure in failed]))
    by_attempts: dict[int, list[int]] = defaultdict(list)
    for pk, attempts in still.values_list("pk", "attempts"):
        by_attempts[attempts + 1].append(pk)
    for attempts, pks in by_attempts.items():
        is_blocked = attempts >= PATIENCE
        again = now + min(FIRST_WAIT * 2 ** min(attempts, 10), LONGEST_WAIT)
        said = {"attempts": attempts, "next_attempt_at": again, "error": kind}
        said |= {"state": State.BLOCKED} if is_blocked else {}
        Closure.objects.filter(pk__among=Among(pks)).update(**said)
        tell = log.error if is_blocked else log.warning
        tell("closures.failed", closures=len(pks), first=min(pks), step=step, attempts=attempts, error=kind)


def kind_of(error: Exception) -> str:
    """Name an error and the table or constraint it happened at; its message may quote a person's data."""
    if isinstance(error, Unsearchable | StillPointedAt):
        return f"{type(error).__name__}: {error}"[:200]
    diagnosis = getattr(error.__cause__, "diag", None)
    place = diagnosis and (diagnosis.constraint_name or diagnosis.table_name)
    return f"{type(error).__name__}: {place}"[:200] if place else type(error).__name__


def _release(sweep: Sweep) -> list[int]:
    """End what ties a few members to the outside, each for themselves, without a transaction."""
    with transaction.atomic():
        batch = _claimed(Step.RELEASE, sweep.now, limit=LEASED)
        _released(batch).update(next_attempt_at=sweep.moment + LEASE)
    for done, closure in enumerate(batch):
        if sweep.is_over():
            _released(batch[done:]).update(next_attempt_at=sweep.now)
            break
        _release_one(closure, sweep)
    return [closure.pk for closure in batch]


def _released(batch: list[Closure]) -> ClosureQuerySet:
    """Keep those of a batch that are still at this step: a lease may have run out, and another worker got on."""
    return Closure.objects.at(Step.RELEASE).filter(pk__among=Among([closure.pk for closure in batch]))


def _release_one(closure: Closure, sweep: Sweep) -> None:
    try:
        closing.release(closure.member)
    except Exception as error:
        _put_off([closure], error, sweep.moment)
    else:
        following = {"state": State.RUNNING, "step": _after(Step.RELEASE), "attempts": 0, "error": ""}
        _released([closure]).update(**following, next_attempt_at=sweep.now)
