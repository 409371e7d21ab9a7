"""What the staff may do to the purge: try again at once, hold it, let it go on; nothing here cancels a closure."""

from collections.abc import Collection
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction

from accounts.models import Closure, PurgePause, User

log = structlog.get_logger(__name__)


class AlreadyPaused(Exception):
    """The purge is held already."""


class NotPaused(Exception):
    """The purge is not held, or no more."""


@transaction.atomic
def retry_closures(*, closure_ids: Collection[int], now: datetime) -> list[Closure]:
    """Let the next sweep try these again at once; return those that were blocked, the others stay as they are.

    What a worker is at this very moment is passed over: it is being tried. The state stays `blocked` until a step
    succeeds, so that a failure still shows.
    """
    blocked = list(Closure.objects.filter(pk__in=closure_ids, state=Closure.State.BLOCKED).claimed().order_by("pk"))
    ids = [closure.pk for closure in blocked]
    Closure.objects.filter(pk__in=ids).update(next_attempt_at=now, attempts=0)
    if ids:
        log.info("closures.retried", closures=ids)
    return blocked


def pause_purge(*, by: User, reason: str, now: datetime) -> PurgePause:
    """Hold every deletion from the next batch on; the promise of 15 days runs on.

    :raises AlreadyPaused: when somebody was quicker
    """
    try:
        with transaction.atomic():
            pause = PurgePause.objects.create(begun_at=now, begun_by=by, reason=reason)
    except IntegrityError as error:
        raise AlreadyPaused from error
    log.warning("purge.paused", pause=pause.pk, by=by.pk)
    return pause


@transaction.atomic
def resume_purge(*, by: User, now: datetime) -> PurgePause:
    """Let deletions go on with the next sweep.

    :raises NotPaused: when they do already
    """
    pause = PurgePause.objects.standing().select_for_update(of=("self",)).first()
    if pause is None:
        raise NotPaused
    pause.ended_at, pause.ended_by = now, by
    pause.save(update_fields=["ended_at", "ended_by"])
    log.warning("purge.resumed", pause=pause.pk, by=by.pk)
    return pause
