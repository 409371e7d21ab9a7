"""Rehearsing the purge: the same erasing and the same scan, on the real rows, and then all of it is undone."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from accounts.models import Closure
from accounts.models.closure import UNDER_WAY, ClosureQuerySet
from accounts.services import erasing
from accounts.services.purge import BATCH, kind_of
from accounts.services.residue import Identifiers, Places, Traces, search, shown
from accounts.services.steps import members_of, most_of
from consent.expiry import briefly

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
        batch = list(_due(now).filter(pk__in=ids).claimed_with_members().select_related("member"))
        owners = {closure.member_id: closure.pk for closure in batch}
        _bring_to_last_step(list(owners.values()), now)
        members = members_of(batch)
        sought = Identifiers.of(members)
        erasing.end_sessions(members)
        had = erasing.erase(members)
        connection.check_constraints()
        erasing.rehearse_forgetting(sought)
        tallies = {closure.pk: Counter(most_of(closure, had)) for closure in batch}
        scan = search(Traces(sought), rows_only=True)
        transaction.set_rollback(True)
    return tallies, {owners[member_id]: places for member_id, places in scan.beyond({}).items()}


def _bring_to_last_step(ids: list[int], now: datetime) -> None:
    """Let these closures have come as far as the erasing, the way the database allows."""
    ours = Closure.objects.filter(pk__in=ids)
    ours.filter(state=State.COOLING).update(state=State.RUNNING, step=Step.ROWS)
    ours.exclude(state=State.VERIFYING).update(state=State.VERIFYING, step=Step.PROOF, erased_at=now)
