"""Searching Redis, cache and broker: every key and every value, read as bytes.

What can be thrown away is: a cache may lose a value at any time, and a message in a queue is only a hint that some row
may be due. What is left, such as a message that a worker has in hand, is a finding like any other.
"""

import base64
import binascii
import pickletools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import redis
from django.conf import settings

from accounts.services.residue.scan import Scan
from accounts.services.residue.traces import Traces

AT_ONCE = 200
CACHE, BROKER = "redis.cache", "redis.broker"
TIMEOUTS = {"socket_timeout": 5, "socket_connect_timeout": 2}
BASE64 = re.compile("[0-9A-Za-z+/_-]{16,}")
DEPTH = 2  # a message in an envelope


def search(traces: Traces, scan: Scan) -> None:
    """Search each database once, in small batches.

    :raises redis.RedisError: when one does not answer
    """
    for url, place in _databases().items():
        client: Any = redis.Redis.from_url(url, **TIMEOUTS)
        with client:
            for keys in _batches(client):
                scan.keys += len(keys)
                _search(client, keys, place, traces, scan)


def _databases() -> dict[str, str]:
    """Name the databases by their addresses; what serves as both is searched once."""
    caches = [cache.get("LOCATION", "") for cache in settings.CACHES.values()]
    locations = [url for cache in caches for url in ([cache] if isinstance(cache, str) else cache)]
    known = {url: CACHE for url in locations if url.startswith(("redis", "unix"))}
    return {settings.REDIS_URL: BROKER, **known}


def _batches(client: Any) -> Iterator[list[bytes]]:
    cursor = -1
    while cursor:
        cursor, keys = client.scan(cursor=max(cursor, 0), count=AT_ONCE)
        if keys:
            yield keys


class _Kept(NamedTuple):
    """One value of a key, or its name; and what kind of key it is."""

    key: bytes
    kind: bytes
    value: bytes

    def __repr__(self) -> str:
        return "<_Kept>"

    def drop(self, client: Any) -> bool:
        """Throw it away, if that can be done; tell whether it was."""
        if self.kind == b"string":
            client.unlink(self.key)
        elif self.kind == b"list" and self.value is not self.key:
            client.lrem(self.key, 0, self.value)
        else:
            return False
        return True


def _search(client: Any, keys: list[bytes], place: str, traces: Traces, scan: Scan) -> None:
    found: dict[_Kept, set[int]] = {}
    named: dict[bytes, set[int]] = {}
    for said in _grouped(_said(client, keys)):
        kept, texts = [kept for kept, _text in said], [text for _kept, text in said]
        for i, owners in traces.found_among(texts):
            found.setdefault(kept[i], set()).update(owners)
        for i, owners in traces.names_among(texts):
            named.setdefault(kept[i].key, set()).update(owners)
    for whose in _left_of(found, client).values():
        scan.note(whose, place)
    for whose in named.values():
        scan.note_names(whose, place)


def _left_of(found: Mapping[_Kept, set[int]], client: Any) -> dict[bytes, set[int]]:
    """Throw away what can be, once all is read: a list is shorter then. Return whose the keys are that are left."""
    left: dict[bytes, set[int]] = {}
    for kept, owners in found.items():
        if not kept.drop(client):
            left.setdefault(kept.key, set()).update(owners)
    return left


def _said(client: Any, keys: list[bytes]) -> Iterator[tuple[_Kept, str]]:
    """Read every text that a key or its value can be read as."""
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.type(key)
    for key, kind in zip(keys, pipeline.execute(), strict=True):
        for value in (key, *READ.get(kind, _as_dumped)(client, key)):
            for text in readings(value):
                yield _Kept(key, kind, value), text


def _grouped(said: Iterable[tuple[_Kept, str]]) -> Iterator[list[tuple[_Kept, str]]]:
    group: list[tuple[_Kept, str]] = []
    for one in said:
        group.append(one)
        if len(group) >= AT_ONCE:
            yield group
            group = []
    yield group


def _string(client: Any, key: bytes) -> Iterator[bytes]:
    value = client.get(key)
    if value is not None:  # it may have run out
        yield value


def _list(client: Any, key: bytes) -> Iterator[bytes]:
    start = 0
    while some := client.lrange(key, start, start + AT_ONCE - 1):
        yield from some
        start += AT_ONCE


def _hash(client: Any, key: bytes) -> Iterator[bytes]:
    for name, value in client.hscan_iter(key, count=AT_ONCE):
        yield name
        yield value


def _set(client: Any, key: bytes) -> Iterator[bytes]:
    yield from client.sscan_iter(key, count=AT_ONCE)


def _sorted_set(client: Any, key: bytes) -> Iterator[bytes]:
    for member, _score in client.zscan_iter(key, count=AT_ONCE):
        yield member


def _stream(client: Any, key: bytes) -> Iterator[bytes]:
    start: bytes = b"-"
    while some := client.xrange(key, min=start, count=AT_ONCE):
        for number, said in some:
            for name, value in said.items():
                yield name
                yield value
            start = b"(" + number


def _as_dumped(client: Any, key: bytes) -> Iterator[bytes]:
    """Read a kind of value that we do not know as Redis would write it to disk."""
    value = client.dump(key)
    if value is not None:
        yield value


READ: dict[bytes, Callable[[Any, bytes], Iterator[bytes]]] = {
    b"string": _string,
    b"list": _list,
    b"hash": _hash,
    b"set": _set,
    b"zset": _sorted_set,
    b"stream": _stream,
    b"none": lambda _client, _key: iter(()),
}


def readings(value: bytes, depth: int = DEPTH) -> Iterator[str]:
    """Read bytes as text, as the strings of a pickle, and what is written in base64 in it."""
    text = value.decode(errors="replace")
    yield text
    yield from _pickled(value)
    for run in BASE64.findall(text) if depth else ():
        decoded = _decoded(run)
        if decoded:
            yield from readings(decoded, depth - 1)


def _decoded(run: str) -> bytes:
    run = run.replace("-", "+").replace("_", "/")
    run = run[: len(run) - (len(run) % 4 == 1)]
    try:
        return base64.b64decode(run + "=" * (-len(run) % 4))
    except binascii.Error:
        return b""


def _pickled(value: bytes) -> Iterator[str]:
    """Read the strings of a pickle without building anything: what stands before one looks like a part of it."""
    if value[:1] != b"\x80":
        return
    try:
        for _code, said, _place in pickletools.genops(value):
            if isinstance(said, str):
                yield said
            elif isinstance(said, bytes | bytearray):
                yield bytes(said).decode(errors="replace")
    except Exception:
        return
