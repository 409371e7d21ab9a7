"""What each step of the purge does to a batch of closures that are locked for it; safe to repeat."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, cast

import structlog
from django.db import connection

from accounts.models import Closure, User
from accounts.models.closure import FILES, ClosureQuerySet
from accounts.services import erasing, findings, ledger, receipts, residue
from accounts.services.erasing import WRITTEN_AT_ONCE
from accounts.services.overlapping import beside, overlapped
from accounts.services.sessions import forget_sessions_of, with_sessions
from consent import inventory
from consent.expiry import last_ends
from consent.fields import SealedJSONField
from consent.lookups import Among

SOON = timedelta(seconds=15)
SIGNED = ("receipt", "signature", "signed_with")
READ_FOR_RECEIPT = ("number", "requested_at", "erased_at", "tally", "held_until", *SIGNED)
log = structlog.get_logger(__name__)
State, Step = Closure.State, Closure.Step
Work = Callable[[list[Closure], datetime], None]
Forget = Callable[[list[User], residue.Identifiers], None]

# One statement for hundreds of closures.
COUNT = """
    UPDATE accounts_closure AS closure SET tally = counted.tally
    FROM jsonb_to_recordset(%s::jsonb) AS counted (id bigint, tally jsonb) WHERE closure.id = counted.id
"""
LET_GO = """
    UPDATE accounts_closure AS closure
    SET state = 'verifying', step = 'proof', attempts = 0, error = '', member_id = NULL, erased_at = %s,
        tally = kept.tally, held_until = kept.held_until, traces = kept.traces
    FROM jsonb_to_recordset(%s::jsonb) AS kept (id bigint, tally jsonb, held_until jsonb, traces bytea)
    WHERE closure.id = kept.id
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


def most_of(closure: Closure, had: inventory.Counted) -> dict[str, int]:
    """Keep of each kind the greater number: of what was counted before, which may be gone, and of what is there."""
    most: dict[str, int] = dict(closure.tally)
    for label, rows in had.get(closure.member_id or 0, {}).items():
        most[label] = max(rows, most.get(label, 0))
    return most


def go_on(batch: list[Closure], step: str) -> None:
    """Write down which step is next for these closures."""
    _rows_of(batch).update(state=State.RUNNING, step=step, attempts=0, error="")


def _rows_of(batch: list[Closure]) -> ClosureQuerySet:
    return Closure.objects.filter(pk__among=Among(closure.pk for closure in batch))


def leave(batch: list[Closure], _now: datetime) -> None:
    """End their sessions; from here on rows go, so what the last step looks for is kept now."""
    members = members_of(batch)
    _count(batch, _uncounted(batch))
    erasing.keep_traces(members)
    erasing.end_sessions(members)


def _uncounted(batch: list[Closure]) -> dict[int, Counter[str]]:
    """Count what those have whose closure was asked for before that was done at once."""
    ids = [closure.member_id or 0 for closure in batch if User._meta.label not in closure.tally]
    return inventory.tallies(member_ids=ids) if ids else {}


def _remove_files(batch: list[Closure], _now: datetime) -> None:
    removed = erasing.remove_files(members_of(batch))
    _count(batch, {member_id: {FILES: files} for member_id, files in removed.items() if files})


def _count(batch: list[Closure], had: inventory.Counted) -> None:
    """Write down what is about to go, of those who have any of it."""
    counted = [closure for closure in batch if closure.member_id in had]
    for closure in counted:
        closure.tally = most_of(closure, had)
    told = [{"id": closure.pk, "tally": closure.tally} for closure in counted]
    if told:
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [json.dumps(told)])


def _clear_caches(batch: list[Closure], _now: datetime) -> None:
    erasing.clear_caches(members_of(batch))


def erase(batch: list[Closure], now: datetime, *, forget: Forget = erasing.forget) -> None:
    """Erase these members; what remains of each is a closure that names nobody and, sealed, what to look for.

    From here on nothing holds up the deletion any more: only the receipt waits for what the search finds. A rehearsal
    may `forget` no more than what it can undo.
    """
    members = members_of(batch)
    ends = last_ends(member_ids=[member.pk for member in members])
    read = residue.Identifiers.read(members)
    with beside(partial(_write_down, batch, read=read, now=now)) as writing:
        erasing.erase(members, before_closures=lambda had: _let_go(batch, writing.result().sealed, had, ends, now))
        connection.check_constraints()
    written = writing.result()
    ledger.record(written.lines)
    forget(members, written.sought)


def _let_go(
    batch: list[Closure],
    sealed: Mapping[int, str],
    had: inventory.Counted,
    ends: Mapping[int, Mapping[str, datetime]],
    now: datetime,
) -> None:
    """Let closures go on without their members: with what each had, and until when rows of theirs stay."""
    for start in range(0, len(batch), WRITTEN_AT_ONCE):
        kept = [
            {
                "id": closure.pk,
                "tally": most_of(closure, had),
                "held_until": {label: receipts.month_of(end) for label, end in ends[closure.member_id or 0].items()},
                "traces": sealed[closure.pk],
            }
            for closure in batch[start : start + WRITTEN_AT_ONCE]
        ]
        with connection.cursor() as cursor:
            cursor.execute(LET_GO, [now, json.dumps(kept)])


class _Written(NamedTuple):
    """What is written of a batch that goes."""

    sought: residue.Identifiers
    sealed: dict[int, str]  # by closure, what to look for
    lines: list[dict[str, Any]]  # of the ledger


def _write_down(batch: list[Closure], *, read: Callable[[], residue.Identifiers], now: datetime) -> _Written:
    sought = read()
    field = cast("SealedJSONField", Closure._meta.get_field("traces"))
    sealed = {closure.pk: rf"\x{field.seal(sought.to_json(closure.member_id or 0)).hex()}" for closure in batch}
    closures = zip(batch, members_of(batch), strict=True)
    return _Written(sought, sealed, ledger.entries(closures, contacts=sought.contacts, now=now))


def _prove(batch: list[Closure], now: datetime) -> None:
    """Search for whoever of these has been erased; write the receipts of all of whom nothing is left."""
    ids = [closure.pk for closure in batch]
    Closure.objects.filter(pk__among=Among(ids), state=State.BLOCKED).update(state=State.VERIFYING)
    known = kept_of(ids)
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
    _finish([closure.pk for closure in clean], scan, now)
    log.info("closure.proven", closures=len(clean), waiting=len(batch) - len(clean))


def kept_of(ids: list[int]) -> residue.Identifiers:
    """Open what was kept of each closure, a few at a time."""
    kept = Closure.objects.filter(pk__among=Among(ids)).values_list("pk", "traces")
    return residue.Identifiers.kept((pk, traces or {}) for pk, traces in kept.iterator(WRITTEN_AT_ONCE))


def _finish(ids: list[int], scan: residue.Scan, now: datetime) -> None:
    """Write the receipts of closures whose members are gone, and end them."""
    write = partial(_written_receipts, issuer=receipts.Issuer(scan, now=now))
    with connection.cursor() as cursor:
        for done in overlapped(write, _for_receipts(ids)):
            cursor.execute(FINISH, [now, done])


def _for_receipts(ids: list[int]) -> Iterator[list[Closure]]:
    for start in range(0, len(ids), WRITTEN_AT_ONCE):
        some = Among(ids[start : start + WRITTEN_AT_ONCE])
        yield list(Closure.objects.filter(pk__among=some).only(*READ_FOR_RECEIPT))


def _written_receipts(closures: list[Closure], *, issuer: receipts.Issuer) -> str:
    """Issue their receipts; return what the statement needs of them, as JSON."""
    for closure in closures:
        issuer.issue(closure)
    return json.dumps(
        [{"id": closure.pk, **{name: getattr(closure, name) for name in SIGNED}} for closure in closures],
        ensure_ascii=False,
    )


WORK: dict[str, Work] = {
    Step.SESSIONS: leave,
    Step.FILES: _remove_files,
    Step.CACHES: _clear_caches,
    Step.ROWS: erase,
    Step.PROOF: _prove,
}
