"""Rehearsing the purge: the same erasing and the same search, on the real rows, and then all of it is undone."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts.models import Closure
from accounts.models.closure import UNDER_WAY, ClosureQuerySet
from accounts.services import erasing, residue, steps
from accounts.services.purge import BATCH, READ, kind_of
from accounts.services.residue import Places, shown
from consent.expiry import briefly
from consent.lookups import Among

State, Step = Closure.State, Closure.Step


@dataclass
class Rehearsal:
    """What a purge would do now: how many closures, which rows, and which closures it could not carry out."""

    closures: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)  # the closure and the kind of its error


def rehearse_purge(*, now: datetime) -> Rehearsal:
    """Erase everybody whose closure is due, verify it, and undo it, batch by batch; nothing is changed.

    Only rows are rehearsed: files, cache and payment channels are left alone, for what is done there stays done. A
    purge that runs meanwhile passes over the batch that is being rehearsed.
    """
    done = Rehearsal()
    ids = list(_due(now).values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        _rehearse(ids[start : start + BATCH], now, done)
    return done


def _due(now: datetime) -> ClosureQuerySet:
    return Closure.objects.filter(state__in=[State.COOLING, *UNDER_WAY], member__isnull=False).due(now)


def _rehearse(ids: list[int], now: datetime, done: Rehearsal) -> None:
    """Rehearse a batch; when it fails, each half of it, as the purge does."""
    try:
        tallies, waiting = _erase_and_undo(ids, now)
    except Exception as error:
        if len(ids) == 1:
            done.failures.append((ids[0], kind_of(error)))
            return
        middle = len(ids) // 2
        for half in (ids[:middle], ids[middle:]):
            _rehearse(half, now, done)
    else:
        done.failures += [(pk, f"还提到：{shown(places)}") for pk, places in waiting.items()]
        proven = [tally for pk, tally in tallies.items() if pk not in waiting]
        done.closures += len(proven)
        done.rows.update(sum(proven, Counter()))


def _erase_and_undo(ids: list[int], now: datetime) -> tuple[dict[int, Counter[str]], dict[int, Places]]:
    """Erase a batch and search for it; return what each had, and the places somebody would have to decide about."""
    with briefly():
        due = _due(now).filter(pk__among=Among(ids)).claimed_with_members()
        batch = list(due.select_related("member").only(*READ))
        closures = Closure.objects.filter(pk__among=Among(closure.pk for closure in batch))
        closures.cooling().update(state=State.RUNNING, step=Step.SESSIONS)
        steps.leave(batch, now)
        steps.erase(batch, now, forget=erasing.rehearse_forgetting)
        tallies = {pk: Counter(tally) for pk, tally in closures.values_list("pk", "tally")}
        known = steps.kept_of(list(tallies))
        scan = residue.search(residue.Traces(known, erased=dict.fromkeys(tallies, now)), rows_only=True)
        transaction.set_rollback(True)
    return tallies, scan.beyond({})
