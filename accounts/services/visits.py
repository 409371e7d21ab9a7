"""Recording what members ask for, without a page waiting for it.

A request only puts a line into its process's memory. Once a second whatever lies there is written in one statement: who
is killed loses at most that second. What cannot be written waits for the database to come back, up to a bound.
"""

import atexit
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, connection

MOST_WAITING = 50_000
AT_ONCE = 5_000
log = structlog.get_logger(__name__)


class Seen(NamedTuple):
    """One page that was asked for."""

    member_id: int
    at: datetime
    path: str
    ip: str | None
    browser: str
    language: str


_waiting: deque[Seen] = deque(maxlen=MOST_WAITING)
_writing = threading.Lock()
_starting = threading.Lock()
_writer: threading.Thread | None = None


def note_visit(seen: Seen) -> None:
    """Remember a visit until the next second."""
    _waiting.append(seen)
    if settings.VISITS_WRITTEN_EVERY and not _is_writing_by_itself():
        _start_writer()


def write_visits() -> int:
    """Write what is waiting, one statement for many; return how many rows were written.

    :raises django.db.DatabaseError: when the database does not take them; they wait for the next time
    """
    written = 0
    with _writing:
        while batch := _take():
            try:
                written += _insert(batch)
            except DataError:
                written += sum(map(_insert_alone, batch))
            except DatabaseError:
                _waiting.extendleft(reversed(batch))
                raise
    return written


def _insert_alone(seen: Seen) -> int:
    """Find the line that the database refuses: it would hold up all that come after it."""
    try:
        return _insert([seen])
    except DataError:
        log.error("visits.refused")
        return 0


def _take() -> list[Seen]:
    return [_waiting.popleft() for _ in range(min(len(_waiting), AT_ONCE))]


# Who has left meanwhile, or is leaving, is passed over: nothing of theirs is recorded any more. The lock on the
# member's row makes a purge and this statement wait for each other.
INSERT = """
INSERT INTO accounts_visit (member_id, at, path, ip, browser, language)
SELECT member.id, seen.at, seen.path, seen.ip, seen.browser, seen.language
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::inet[], %s::text[], %s::text[])
  AS seen (member_id, at, path, ip, browser, language)
JOIN accounts_user member ON member.id = seen.member_id AND member.closing_at IS NULL
FOR KEY SHARE OF member
"""


def _insert(batch: Sequence[Seen]) -> int:
    columns = [list(column) for column in zip(*batch, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, columns)
        return cursor.rowcount


def _is_writing_by_itself() -> bool:
    return _writer is not None and _writer.is_alive()


def _start_writer() -> None:
    """Begin in this process, which a server may have forked after it loaded the code."""
    global _writer
    with _starting:
        if not _is_writing_by_itself():
            if _writer is None:
                atexit.register(_write_what_is_left)
            _writer = threading.Thread(target=_write_every_second, name="visits", daemon=True)
            _writer.start()


def _write_every_second() -> None:
    while seconds := settings.VISITS_WRITTEN_EVERY:
        time.sleep(seconds)
        if _waiting:
            _write_what_is_left()
    connection.close()


def _write_what_is_left() -> None:
    try:
        write_visits()
    except DatabaseError as error:
        log.warning("visits.wait", visits=len(_waiting), error=type(error).__name__)
        connection.close()  # the next second begins with a new one
