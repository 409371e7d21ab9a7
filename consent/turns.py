"""Taking turns: what as many workers are at as may be, no other begins, wherever it runs.

PostgreSQL's advisory locks belong to a session: whoever dies, however they die, has let go.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from django.db import connection

Sweep = Callable[..., int]
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


def at_most(places: int) -> Callable[[Sweep], Sweep]:
    """Make a sweep do nothing while the same one runs so many times: what hangs never keeps all threads waiting."""

    def limit(sweep: Sweep) -> Sweep:
        name = f"{sweep.__module__}.{sweep.__name__}"

        @wraps(sweep)
        def limited(**later: object) -> int:
            for place in range(places):
                with turn(f"{name}.{place}") as is_ours:
                    if is_ours:
                        return sweep(**later)
            return 0

        return limited

    return limit


one_at_a_time = at_most(1)


def _ask(function: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, hashtext(%s))", [SPACE, name])
        return bool(cursor.fetchone()[0])
