"""What each step of the purge does to a batch of closures that are locked for it; safe to repeat."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import structlog
from django.db import connection

from accounts.models import Closure, User
from accounts.models.closure import FILES
from accounts.services import erasing, findings, ledger, receipts, residue
from accounts.services.sessions import forget_sessions_of, with_sessions
from consent import inventory
from consent.fields import SealedJSONField
from consent.lookups import Among

WRITTEN_AT_ONCE = 500
SOON = timedelta(seconds=15)
SIGNED = ("receipt", "signature", "signed_with")
READ_FOR_RECEIPT = ("number", "requested_at", "erased_at", "tally", *SIGNED)
log = structlog.get_logger(__name__)
State, Step = Closure.State, Closure.Step
Work = Callable[[list[Closure], datetime], None]

# One statement each, whatever the number of closures.
GO_ON = """
    UPDATE accounts_closure AS closure
    SET state = 'running', step = %s, attempts = 0, error = '', tally = done.tally
    FROM jsonb_to_recordset(%s::jsonb) AS done (id bigint, tally jsonb) WHERE closure.id = done.id
"""
LET_GO = """
    UPDATE accounts_closure AS closure
    SET state = 'verifying', step = 'proof', attempts = 0, error = '', member_id = NULL, erased_at = %s,
        tally = done.tally, traces = done.traces
    FROM jsonb_to_recordset(%s::jsonb) AS done (id bigint, tally jsonb, traces bytea) WHERE closure.id = done.id
"""
FINISH = """
    UPDATE accounts_closure AS closure
    SET state = 'done', step = '', attempts = 0, error = '', ended_at = %s, traces = NULL,
        receipt = done.receipt, signature = done.signature, signed_with = done.signed_with
    FROM jsonb_to_recordset(%s::jsonb) AS done (id bigint, receipt text, signature text, signed_with text)
    WHERE closure.id = done.id
"""


def members_of(batch: list[Closure]) -> list[User]:
    return [closure.member for closure in batch if closure.member is not None]


def take_stock(batch: list[Closure]) -> None:
    """Count what there is of each of them now; what earlier steps have deleted since it was counted stays counted."""
    tallies = inventory.tallies(member_ids=[member.pk for member in members_of(batch)], shown_only=True)
    for closure in batch:
        closure.tally = dict(Counter(closure.tally) | tallies[closure.member_id or 0])


def go_on(batch: list[Closure], step: str) -> None:
    """Write down which step is next for these closures."""
    told = [{"id": closure.pk, "tally": closure.tally} for closure in batch]
    with connection.cursor() as cursor:
        cursor.execute(GO_ON, [step, json.dumps(told)])


def _leave(batch: list[Closure], _now: datetime) -> None:
    """End their sessions; from here on rows go, so what the last step looks for is kept now."""
    members = members_of(batch)
    erasing.keep_traces(members)
    erasing.end_sessions(members)


def _remove_files(batch: list[Closure], _now: datetime) -> None:
    removed = erasing.remove_files(members_of(batch))
    for closure in batch:
        if files := removed.get(closure.member_id or 0):
            closure.tally = closure.tally | {FILES: max(files, closure.tally.get(FILES, 0))}


def _clear_caches(batch: list[Closure], _now: datetime) -> None:
    erasing.clear_caches(members_of(batch))


def _erase(batch: list[Closure], now: datetime) -> None:
    """Erase these members; what remains of each is a closure that names nobody and, sealed, what to look for.

    From here on nothing holds up the deletion any more: only the receipt waits for what the search finds.
    """
    members = members_of(batch)
    sought = residue.Identifiers.of(members)
    noted = ledger.entries(zip(batch, members, strict=True), contacts=sought.contacts, now=now)
    _let_go(batch, sought, now)
    erasing.erase(members, sought)
    ledger.record(noted)


def _let_go(batch: list[Closure], sought: residue.Identifiers, now: datetime) -> None:
    """Take the members from their closures, and keep what to look for."""
    field = cast("SealedJSONField", Closure._meta.get_field("traces"))
    told = [(closure, field.seal(sought.to_json(closure.member_id or 0))) for closure in batch]
    said = [{"id": one.pk, "tally": one.tally, "traces": rf"\x{traces.hex()}"} for one, traces in told]
    with connection.cursor() as cursor:
        cursor.execute(LET_GO, [now, json.dumps(said)])


def _prove(batch: list[Closure], now: datetime) -> None:
    """Search for whoever of these has been erased; write the receipts of all of whom nothing is left."""
    ids = [closure.pk for closure in batch]
    Closure.objects.filter(pk__among=Among(ids), state=State.BLOCKED).update(state=State.VERIFYING)
    known = _kept_of(ids)
    owners = dict(known.ids)
    forget_sessions_of(owners)
    scan = residue.search(residue.Traces(known, erased={closure.pk: closure.erased_at or now for closure in batch}))
    again = {owners[pk] for pk in with_sessions(owners)}  # somebody was still signed in: the next proof forgets them
    Closure.objects.filter(pk__among=Among(again)).update(next_attempt_at=now + SOON)
    undecided = scan.beyond(findings.decided_of(ids))
    findings.ask(
        [(closure, undecided[closure.pk]) for closure in batch if closure.pk in undecided.keys() - again], now=now
    )
    clean = [closure for closure in batch if closure.pk not in undecided.keys() | again]
    findings.close_questions(closure_ids=[closure.pk for closure in clean], now=now)
    ledger.note_receipts([closure.number for closure in clean], now=now)
    for start in range(0, len(clean), WRITTEN_AT_ONCE):
        _finish([closure.pk for closure in clean[start : start + WRITTEN_AT_ONCE]], scan, now)
    log.info("closure.proven", closures=len(clean), waiting=len(batch) - len(clean))


def _kept_of(ids: list[int]) -> residue.Identifiers:
    """Open what was kept of each closure, a few at a time."""
    kept = Closure.objects.filter(pk__among=Among(ids)).values_list("pk", "traces")
    return residue.Identifiers.kept((pk, traces or {}) for pk, traces in kept.iterator(WRITTEN_AT_ONCE))


def _finish(ids: list[int], scan: residue.Scan, now: datetime) -> None:
    """Write the receipts of closures whose members are gone, and end them."""
    done = []
    for closure in Closure.objects.filter(pk__among=Among(ids)).only(*READ_FOR_RECEIPT):
        receipts.issue(closure, scan=scan, now=now)
        columns = {name: getattr(closure, name) for name in SIGNED}
        done.append({"id": closure.pk, **columns})
    with connection.cursor() as cursor:
        cursor.execute(FINISH, [now, json.dumps(done)])


WORK: dict[str, Work] = {
    Step.SESSIONS: _leave,
    Step.FILES: _remove_files,
    Step.CACHES: _clear_caches,
    Step.ROWS: _erase,
    Step.PROOF: _prove,
}
