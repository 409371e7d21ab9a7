"""Python's work beside the database's: neither waits for the other."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, TypeVar

from django.db import connection

Item = TypeVar("Item")
Result = TypeVar("Result")


class AskedTheDatabase(Exception):
    """A thread beside the caller has a connection of its own: what it read or wrote there is not the caller's."""


def _refuse(*_args: Any) -> NoReturn:
    raise AskedTheDatabase


def _by_itself(work: Callable[..., Result], *args: Any) -> Result:
    try:
        with connection.execute_wrapper(_refuse):
            return work(*args)
    finally:
        connection.close()  # this thread's own, which only who is refused has opened


@contextmanager
def beside(work: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Let a thread work while the caller waits for the database.

    :raises AskedTheDatabase: by its result, when the thread itself asked for anything
    """
    with ThreadPoolExecutor(1, "beside") as thread:
        yield thread.submit(partial(_by_itself, work))


def overlapped(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Work on each item in a thread while the caller fetches the next one and deals with the last result.

    Two items and two results at most are held at once.

    :raises AskedTheDatabase: when the thread itself asked for anything
    """
    with ThreadPoolExecutor(1, "overlapped") as thread:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(thread.submit(_by_itself, work, item))
            if len(pending) > 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
