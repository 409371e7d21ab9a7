"""A member takes their information along: asked for in a request, built by the clock, kept seven days once it is ready.

The table is the queue. Whoever builds has a lease that each step of the progress renews: a worker that dies is
replaced a minute later, by one that begins anew; when three have died on it, it has failed. A file is only ever written
under the lock of its row and its member.
"""

import hashlib
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Any

import structlog
from django.core.files import File
from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone

from accounts.models import Export, User
from accounts.models.export import MOST_A_DAY, ExportQuerySet, place
from accounts.services.bundle import write_bundle
from consent import inventory

LEASE = timedelta(minutes=1)
PATIENCE = 3  # attempts, whether they end with an error or with their worker's death
TOLD_EVERY = 0.5  # seconds
WAIT = timedelta(seconds=10)
DIED = "服务器几次中途停下，没能做完，是我们的问题"

log = structlog.get_logger(__name__)
State = Export.State


class AlreadyExporting(Exception):
    """One is being built; there is no need for another."""


class TooManyExports(Exception):
    """Three were asked for within a day; `again_at` says when the next may be."""

    def __init__(self, again_at: datetime) -> None:
        super().__init__(again_at)
        self.again_at = again_at


class LeaseLost(Exception):
    """Another worker has taken over, or the member has left."""


@transaction.atomic
def request_export(*, member: User, now: datetime) -> Export:
    """Have a member's information put together.

    :raises AlreadyExporting: while one is under way
    :raises TooManyExports: after three within a day; those that failed do not count
    """
    User.objects.select_for_update(no_key=True).get(pk=member.pk)  # two tabs, one after the other
    mine = Export.objects.of_member(member)
    if mine.under_way().exists():
        raise AlreadyExporting
    _refuse_too_many(mine, now)
    return Export.objects.create(member=member, requested_at=now, next_attempt_at=now)


def _refuse_too_many(mine: ExportQuerySet, now: datetime) -> None:
    lately = mine.filter(requested_at__gt=now - timedelta(days=1)).exclude(state=State.FAILED)
    times = list(lately.order_by("requested_at").values_list("requested_at", flat=True))
    if len(times) >= MOST_A_DAY:
        raise TooManyExports(times[-MOST_A_DAY] + timedelta(days=1))


@transaction.atomic
def retry_export(*, member: User, token: Any, now: datetime) -> None:
    """Try once more what failed; whatever did not fail stays as it is. It is asked for now, and counts from now.

    :raises AlreadyExporting: when another is under way
    :raises TooManyExports: after three others within a day; those that failed do not count
    """
    User.objects.select_for_update(no_key=True).get(pk=member.pk)
    mine = Export.objects.of_member(member)
    if mine.under_way().exclude(token=token).exists():
        raise AlreadyExporting
    failed = mine.filter(token=token, state=State.FAILED)
    if failed.exists():
        _refuse_too_many(mine, now)
    begun_anew = {"state": State.WAITING, "ended_at": None, "attempts": 0, "error": "", "done": 0}
    failed.update(**begun_anew, requested_at=now, next_attempt_at=now)


def build_due_exports(*, now: datetime) -> int:
    """Build the next export that is due; return how many became ready."""
    export = _claim(now)
    if export is None:
        return 0
    try:
        return _build(export)
    except LeaseLost:
        return 0
    except Exception as error:
        _put_off(export, error)
        return 0


@transaction.atomic
def _claim(now: datetime) -> Export | None:
    due = Export.objects.due(now).select_related("member").filter(member__closing_at=None)
    export = due.select_for_update(skip_locked=True, of=("self",)).first()
    if export is None:
        return None
    if export.attempts >= PATIENCE:
        _give_up(export, now)
        return None
    export.attempts += 1
    export.state, export.next_attempt_at = State.BUILDING, now + LEASE
    export.total = sum(rows for _kind, rows in inventory.counts(member_id=export.member_id))
    export.save(update_fields=["attempts", "state", "next_attempt_at", "total"])
    _drop_leftover(export)
    return export


def _give_up(export: Export, now: datetime) -> None:
    """Stop at an export whose last worker died too: an error would have been written down by the worker itself."""
    export.state, export.ended_at, export.error, export.done = State.FAILED, now, DIED, 0
    export.save(update_fields=["state", "ended_at", "error", "done"])
    _drop_leftover(export)
    log.error("export.failed", attempts=export.attempts, error="WorkerDied")


def _drop_leftover(export: Export) -> None:
    """Delete the file of a worker that died between storing it and saying so; under the row's lock nobody stores one.

    No row would name it, and it would outlive its seven days.
    """
    try:
        export.file.storage.delete(place(export, ""))
    except OSError as error:
        log.warning("export.leftover_stays", error=type(error).__name__)


def _build(export: Export) -> int:
    """Write the archive to a file without a name, which goes with the process, and keep it when it is whole."""
    with TemporaryFile() as out:
        write_bundle(export.member, out, now=timezone.now(), progress=_Progress(export))
        _keep(export, out)
    log.info("export.ready", rows=export.total)
    return 1


class _Progress:
    """Writes down how far it has come, and that its worker lives; not more often than anybody looks."""

    def __init__(self, export: Export) -> None:
        self.export, self.told = export, 0.0

    def __call__(self, done: int) -> None:
        if monotonic() - self.told < TOLD_EVERY:
            return
        self.told = monotonic()
        if not _ours(self.export).update(done=done, next_attempt_at=timezone.now() + LEASE):
            raise LeaseLost


def _ours(export: Export) -> Any:
    return Export.objects.filter(pk=export.pk, attempts=export.attempts, state=State.BUILDING)


@transaction.atomic
def _keep(export: Export, out: IO[bytes]) -> None:
    """Store the file unless the member is leaving: whoever removes their files must not come before us."""
    staying = User.objects.select_for_update(no_key=True).filter(pk=export.member_id, closing_at=None)
    if not staying.exists() or not _ours(export).select_for_update().exists():
        raise LeaseLost
    out.seek(0)
    export.sha256 = hashlib.file_digest(out, "sha256").hexdigest()  # type: ignore[arg-type]
    export.size = out.tell()
    out.seek(0)
    export.file.save("export.zip", File(out), save=False)
    export.state, export.ended_at, export.done, export.error = State.READY, timezone.now(), export.total, ""
    export.save(update_fields=["file", "size", "sha256", "state", "ended_at", "done", "error"])


def _put_off(export: Export, error: Exception) -> None:
    """Write down a failure and when to try again; after three the member hears why, in words without data."""
    given_up = export.attempts >= PATIENCE
    now = timezone.now()
    state, ended_at = (State.FAILED, now) if given_up else (State.WAITING, None)
    later = now + WAIT * export.attempts
    _ours(export).update(state=state, ended_at=ended_at, error=_reason(error), next_attempt_at=later, done=0)
    tell = log.error if given_up else log.warning
    tell("export.failed", attempts=export.attempts, error=type(error).__name__)


def _reason(error: Exception) -> str:
    if isinstance(error, OperationalError):
        return "数据库暂时没有应答"
    if isinstance(error, OSError) and not isinstance(error, DatabaseError):
        return "存储空间暂时写不进去"
    return "有一部分内容没能读出来，我们已经收到通知"
