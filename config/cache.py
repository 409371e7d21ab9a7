"""A cache that a page never waits for, and never fails with."""

import threading
import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

REST = 5.0  # seconds without asking a Redis that did not answer

log = structlog.get_logger(__name__)


class ForgivingRedisCache(RedisCache):
    """Redis while it answers; this process's own memory for some seconds after it did not.

    Rate limits therefore still count, for each process alone. Nothing that must survive lives in a cache.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("while-redis-rests", params)

    def _or_own(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= _Breaker.until:
            try:
                return getattr(super(), name)(*args, **kwargs)
            except (redis.ConnectionError, redis.TimeoutError) as error:
                _Breaker.trip(error)
        return getattr(self._own, name)(*args, **kwargs)

    def ping(self) -> None:
        """Ask Redis itself.

        :raises redis.RedisError: when it does not answer
        """
        self._cache.get_client(write=True).ping()


class _Breaker:
    """One for the process: when one request found Redis hung, the others need not."""

    until = 0.0
    _lock = threading.Lock()

    @classmethod
    def trip(cls, error: Exception) -> None:
        with cls._lock:
            cls.until = time.monotonic() + REST
        log.warning("cache.unreachable", error=type(error).__name__)


def _forgiving(name: str) -> Callable[..., Any]:
    def call(self: ForgivingRedisCache, *args: Any, **kwargs: Any) -> Any:
        return self._or_own(name, *args, **kwargs)

    call.__name__ = name
    return call


for _name in ("add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many", "delete_many", "clear"):
    setattr(ForgivingRedisCache, _name, _forgiving(_name))
