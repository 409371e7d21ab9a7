"""Taking turns: what one worker is at, no other begins, wherever it runs.

PostgreSQL's advisory locks belong to a session: whoever dies, however they die, has let go.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from django.db import connection

SPACE = 0x7475726E  # "turn": our place among PostgreSQL's advisory locks


@contextmanager
def turn(name: str) -> Iterator[bool]:
    """Take the turn of this name, if nobody has it; tell whether it is ours."""
    is_ours = _ask("pg_try_advisory_lock", name)
    try:
        yield is_ours
    finally:
        if is_ours:
            _ask("pg_advisory_unlock", name)


def one_at_a_time(sweep: Callable[..., int]) -> Callable[..., int]:
    """Make a sweep do nothing while the same one runs: what hangs then keeps one thread waiting, never all of them."""

    @wraps(sweep)
    def alone(**later: object) -> int:
        with turn(f"{sweep.__module__}.{sweep.__name__}") as is_ours:
            return sweep(**later) if is_ours else 0

    return alone


def _ask(function: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, hashtext(%s))", [SPACE, name])
        return bool(cursor.fetchone()[0])
