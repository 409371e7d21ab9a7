"""Looking for a member's identifiers in everything that is stored: the database, files, Redis.

What is sealed is opened for it: what one member writes about another in a complaint is ciphertext to everybody else.
"""

from collections.abc import Mapping

import structlog

from accounts.services.residue import caches, database, files
from accounts.services.residue.identifiers import Identifiers
from accounts.services.residue.scan import Residue, Scan, shown
from accounts.services.residue.traces import Traces

log = structlog.get_logger(__name__)


def search(traces: Traces, *, rows_only: bool = False) -> Scan:
    """Search everything once for all of these members.

    :raises redis.RedisError: when Redis does not answer
    """
    scan = Scan()
    database.search(traces, scan)
    if not rows_only:
        files.search(traces, scan)
        caches.search(traces, scan)
    return scan


def verify(traces: Traces, decided: Mapping[int, Mapping[str, int]] | None = None, *, rows_only: bool = False) -> Scan:
    """Make sure that no trace is left, and write into the log where a name still stands.

    What other people said stays if somebody `decided` so: of each member, how often in which place.

    A name does not stand in the way: it cannot be told whether it is theirs or a namesake's, and whoever is called
    王伟 has a right to go.

    :raises Residue: with the places where a trace is
    """
    scan = search(traces, rows_only=rows_only)
    scan.settle(decided or {})
    if +scan.names:
        log.warning("residue.names", places=shown(+scan.names))
    return scan


__all__ = ["Identifiers", "Residue", "Scan", "Traces", "search", "shown", "verify"]
