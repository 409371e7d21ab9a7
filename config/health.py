"""Is the process up, and is everything it needs? Names the part that is down, and nobody."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

from django.core.cache import cache
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Message
from accounts.services import Standing, standing, time_without_success, unwritten_for
from config.tasks import PULSE

PATIENCE = 1.0  # seconds for all probes together
PULSE_IS_OLD_AFTER = 60.0
SENT_WITHIN = timedelta(minutes=1)
NOT_GOOD = {Standing.BEHIND: "erasures must be reapplied", Standing.DAMAGED: "ledger is damaged"}


class Down(Exception):
    """A part does not work; the message says how, without anybody's data."""


@transaction.non_atomic_requests
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@transaction.non_atomic_requests
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part works that members need, 503 with the names of those that do not."""
    parts = _probe_all()
    ready = all(said == "ok" for name, said in parts.items() if name not in ONLY_TOLD)
    return JsonResponse({"status": "ok" if ready else "down", "parts": parts}, status=200 if ready else 503)


def _probe_all() -> dict[str, str]:
    """Ask every part at once; one that hangs is down, and keeps nobody waiting."""
    pool = ThreadPoolExecutor(len(PROBES))
    asked = {name: pool.submit(probe) for name, probe in PROBES.items()}
    wait(asked.values(), timeout=PATIENCE)
    pool.shutdown(wait=False, cancel_futures=True)
    said = {}
    for name, future in asked.items():
        problem = future.exception() if future.done() else Down("timeout")
        said[name] = "ok" if problem is None else str(problem) if isinstance(problem, Down) else type(problem).__name__
    return said


def _database() -> None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise Down("migrations are not applied")
    finally:
        connection.close()


def _ledger() -> None:
    """Look whether the database knows what its ledger knows, and whether what happens is still written down there."""
    try:
        if said := NOT_GOOD.get(standing()):
            raise Down(said)
        if late := unwritten_for(now=timezone.now()):
            raise Down(f"nothing is written into the ledger for {int(late / timedelta(minutes=1))} minutes")
    finally:
        connection.close()


def _redis() -> None:
    cache.ping()  # type: ignore[attr-defined]


def _jobs() -> None:
    """Look at the pulse that the clock sends through the broker and a worker."""
    last = cache.get(PULSE)
    if last is None or timezone.now().timestamp() - last > PULSE_IS_OLD_AFTER:
        raise Down("no pulse of clock and worker")


def _messages() -> None:
    """Look for a message that nobody took up in time; one whose sending failed is planned anew, and not meant."""
    try:
        if Message.objects.due(timezone.now() - SENT_WITHIN).exists():
            raise Down("nobody sends messages")
    finally:
        connection.close()


def _retention() -> None:
    """Look whether what has outlived its term was deleted lately; the clock, which would tell, may be what is down."""
    try:
        if missed := time_without_success(now=timezone.now()):
            raise Down(f"nothing outlived was deleted for {int(missed / timedelta(hours=1))} hours")
    finally:
        connection.close()


PROBES: dict[str, Callable[[], None]] = {
    "database": _database,
    "ledger": _ledger,
    "redis": _redis,
    "jobs": _jobs,
    "messages": _messages,
    "retention": _retention,
}
# A balancer that turned members away for it would keep them from leaving, too.
ONLY_TOLD = {"retention"}
