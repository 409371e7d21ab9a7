"""Python's work beside the database's: neither waits for the other."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def beside(work: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Let a thread work while the caller waits for the database; the thread itself must not ask it anything."""
    with ThreadPoolExecutor(1, "beside") as thread:
        yield thread.submit(work)


def overlapped(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Work on each item in a thread while the caller fetches the next one and deals with the last result.

    Two items and two results at most are held at once.
    """
    with ThreadPoolExecutor(1, "overlapped") as thread:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(thread.submit(work, item))
            if len(pending) > 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
