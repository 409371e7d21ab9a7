"""A database that is behind its ledger: closed to members until those who had gone are gone again."""

import time
from enum import Enum

import structlog
from django.db import Error
from django.utils import timezone

from accounts.services import ledger

LOOKED_AT_EVERY = 60.0  # seconds, in each process
log = structlog.get_logger(__name__)


class Standing(Enum):
    """How the database stands to its ledger."""

    GOOD = "good"
    BEHIND = "behind"  # it has forgotten what the ledger knows
    DAMAGED = "damaged"  # nobody can tell whether it has


class _Guard:
    """What this process knows of the ledger; looked up when it starts and every minute."""

    def __init__(self) -> None:
        self.looked_at: float | None = None
        self.found = ledger.Comparison()

    def look(self) -> ledger.Comparison:
        if self.looked_at is None or time.monotonic() - self.looked_at > LOOKED_AT_EVERY:
            self.found, self.looked_at = self._compare(), time.monotonic()
        return self.found

    def _compare(self) -> ledger.Comparison:
        try:
            found = ledger.compare(now=timezone.now())
        except Error:
            return self.found  # nobody is served without a database anyway
        if found.damage:
            log.error("ledger.damaged", damage=found.damage)
        elif found.missing:
            log.error("ledger.ahead", missing=len(found.missing))
        return found


_guard = _Guard()


def standing() -> Standing:
    """Tell how the database stands to its ledger; whatever is not good closes the site to members."""
    found = _guard.look()
    return Standing.DAMAGED if found.damage else Standing.BEHIND if found.missing else Standing.GOOD


def is_closed() -> bool:
    """Tell whether somebody may be here who had gone, or nobody knows."""
    return standing() is not Standing.GOOD


def problems() -> tuple[int, list[str]]:
    """Return how many lines of the ledger the database does not know, and what is wrong with the ledger itself."""
    found = _guard.look()
    return len(found.missing), found.damage


def look_again() -> None:
    """Compare anew at the next question."""
    _guard.looked_at = None
