"""A cache that a page never waits for, and never fails with."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

REST = 5.0  # seconds without asking a Redis that did not answer
ROOM = 10_000  # entries kept, and keys remembered, while it rests
BRIDGE = "while-redis-rests"
EVERYTHING = "*"
READS = {"get", "get_many", "has_key"}
ADD_TO_WHAT_IS_THERE = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('INCRBY', KEYS[1], ARGV[1])"
WRITES = {"add", "set", "touch", "delete", "incr", "set_many", "delete_many", "clear"}

log = structlog.get_logger(__name__)


class OneClient(RedisCacheClient):
    """Keeps one client and its connection; Django makes a client, and takes a connection, for every operation.

    Django has a cache for each thread, so threads do not wait for each other.
    """

    _pid, _only = 0, None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if self._pid != os.getpid():  # the connection of a process that forked is not shared with its child
            pool = self._get_connection_pool(write=True)  # type: ignore[attr-defined]  # the stubs lack it
            self._only = self._client(connection_pool=pool, single_connection_client=True)  # type: ignore[attr-defined]
            self._pid = os.getpid()
        return self._only

    def incr(self, key: Any, delta: int) -> int:
        """Add to a number in one step.

        Django asks whether there is one and adds then: one that ran out in between would come back, and never run out.

        :raises ValueError: when there is none
        """
        number = self.get_client(key, write=True).eval(ADD_TO_WHAT_IS_THERE, 1, key, delta)
        if number is None:
            raise ValueError(f"Key '{key}' not found.")
        return int(number)


class ForgivingRedisCache(RedisCache):
    """Redis while it answers; this process's own memory for some seconds after it did not.

    Rate limits therefore still count, for each process alone. Nothing that must survive lives in a cache. Whatever
    was written meanwhile is stale in Redis, and is deleted there before it is asked again.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = OneClient
        self._own = self._meanwhile({**params, "OPTIONS": {"MAX_ENTRIES": ROOM}})

    @staticmethod
    def _meanwhile(params: dict[str, Any]) -> BaseCache:
        return LocMemCache(BRIDGE, params)

    def _or_own(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= _Outage.until:
            try:
                self._catch_up()
                return getattr(super(), name)(*args, **kwargs)
            except redis.RedisError as error:
                _Outage.begin(error)
        if name in WRITES:
            _Outage.remember(self._redis_keys(name, args, kwargs.get("version")))
        return getattr(self._own, name)(*args, **kwargs)

    def _redis_keys(self, name: str, args: tuple[Any, ...], version: int | None) -> set[str]:
        if name == "clear":
            return {EVERYTHING}
        keys = args[0] if name.endswith("_many") else [args[0]]
        return {self.make_key(key, version) for key in keys}

    def _catch_up(self) -> None:
        """Delete from Redis what changed while it rested, and from here what only bridged the rest."""
        stale = _Outage.take()
        if not stale:
            return
        try:
            client = self._cache.get_client(write=True)
            client.flushdb() if EVERYTHING in stale else client.delete(*stale)
        except redis.RedisError:
            _Outage.remember(stale)
            raise
        LocMemCache(BRIDGE, {}).clear()

    def ping(self) -> None:
        """Ask Redis itself.

        :raises redis.RedisError: when it does not answer
        """
        self._cache.get_client(write=True).ping()


class SessionCache(ForgivingRedisCache):
    """Redis or nothing: sessions are rows too, and one process must not keep what another signed out."""

    @staticmethod
    def _meanwhile(params: dict[str, Any]) -> BaseCache:
        return DummyCache("", params)


class _Outage:
    """One for the process: when one request found Redis hung, the others need not."""

    until = 0.0
    stale: set[str] = set()
    _lock = threading.Lock()

    @classmethod
    def begin(cls, error: Exception) -> None:
        with cls._lock:
            cls.until = time.monotonic() + REST
        log.warning("cache.unreachable", error=type(error).__name__)

    @classmethod
    def remember(cls, keys: set[str]) -> None:
        with cls._lock:
            cls.stale |= keys if len(cls.stale) < ROOM else {EVERYTHING}

    @classmethod
    def take(cls) -> set[str]:
        """Hand over what is stale; whoever takes it deletes it or gives it back."""
        if not cls.stale:
            return set()
        with cls._lock:
            taken, cls.stale = cls.stale, set()
        return taken


def _forgiving(name: str) -> Callable[..., Any]:
    def call(self: ForgivingRedisCache, *args: Any, **kwargs: Any) -> Any:
        return self._or_own(name, *args, **kwargs)

    call.__name__ = name
    return call


for _name in READS | WRITES:
    setattr(ForgivingRedisCache, _name, _forgiving(_name))
