"""What each step of the purge does to a batch of closures that are locked for it; safe to repeat."""

import json
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import connection

from accounts.models import Closure, User
from accounts.services import erasing, findings, ledger, receipts
from consent.lookups import Among

WRITTEN_AT_ONCE = 500  # receipts
log = structlog.get_logger(__name__)
State, Step = Closure.State, Closure.Step
Work = Callable[[list[Closure], datetime], None]

FINISH = """
    UPDATE accounts_closure AS closure
    SET state = 'done', step = '', attempts = 0, error = '', ended_at = %s,
        tally = done.tally, receipt = done.receipt, signature = done.signature, signed_with = done.signed_with
    FROM jsonb_to_recordset(%s::jsonb) AS done (id bigint, tally jsonb, receipt text, signature text, signed_with text)
    WHERE closure.id = done.id AND closure.id = ANY(%s::bigint[])
"""


def members_of(batch: list[Closure]) -> list[User]:
    return [closure.member for closure in batch if closure.member is not None]


def _leave(batch: list[Closure], _now: datetime) -> None:
    """End their sessions; from here on rows go, so what the last step looks for is kept now."""
    members = members_of(batch)
    erasing.keep_traces(members)
    erasing.end_sessions(members)


def _remove_files(batch: list[Closure], _now: datetime) -> None:
    erasing.remove_files(members_of(batch))


def _clear_caches(batch: list[Closure], _now: datetime) -> None:
    erasing.clear_caches(members_of(batch))


def _finish(batch: list[Closure], now: datetime) -> None:
    """Erase these members and verify it; what remains of each is a closure that names nobody."""
    if any(closure.state == State.BLOCKED for closure in batch):
        blocked = Closure.objects.filter(pk__among=Among([closure.pk for closure in batch]), state=State.BLOCKED)
        blocked.update(state=State.VERIFYING)
    members = members_of(batch)
    erased = erasing.erase_and_verify(members, findings.decided_of(batch))
    ledger.record(ledger.entries(zip(batch, members, strict=True), contacts=erased.contacts, now=now))
    findings.close_questions(closures=batch, now=now)
    for start in range(0, len(batch), WRITTEN_AT_ONCE):
        _prove(batch[start : start + WRITTEN_AT_ONCE], erased, now)
    log.info("closure.done", closures=len(batch), rows=sum(tally.total() for tally in erased.tallies.values()))


def _prove(batch: list[Closure], erased: erasing.Erased, now: datetime) -> None:
    """Write the receipts of closures whose members are gone, and end them."""
    done = []
    for closure in batch:
        member_id = closure.member_id or 0
        tally = erased.tallies[member_id]
        receipts.issue(closure, member_id=member_id, tally=tally, scan=erased.scan, now=now)
        written = {name: getattr(closure, name) for name in ("receipt", "signature", "signed_with")}
        done.append({"id": closure.pk, "tally": tally, **written})
        closure.receipt = ""  # thousands of them are not held until the last is written
    with connection.cursor() as cursor:
        cursor.execute(FINISH, [now, json.dumps(done), [closure.pk for closure in batch]])


WORK: dict[str, Work] = {
    Step.SESSIONS: _leave,
    Step.FILES: _remove_files,
    Step.CACHES: _clear_caches,
    Step.ROWS: _finish,
}
