"""Searching Redis, cache and broker: every key and every value, read as bytes.

What is found in our own cache is thrown away, for a cache may lose a value at any time. Whatever else there is, a
message in a queue or a value of somebody else's in the same Redis, is a finding like any other.
"""

import base64
import binascii
import pickletools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import redis
import structlog
from django.conf import settings
from django.core.cache import cache

from accounts.services.residue.scan import Scan
from accounts.services.residue.traces import Traces

AT_ONCE = 200
CACHE, BROKER = "redis.cache", "redis.broker"
TIMEOUTS = {"socket_timeout": 5, "socket_connect_timeout": 2}
BASE64 = re.compile("[0-9A-Za-z+/_-]{16,}")
DEPTH = 2  # a message in an envelope
log = structlog.get_logger(__name__)


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
    told = [said.get("LOCATION", "") for said in settings.CACHES.values()]
    locations = [url for location in told for url in ([location] if isinstance(location, str) else location)]
    known = {url: CACHE for url in locations if url.startswith(("redis", "unix"))}
    return {settings.REDIS_URL: BROKER, **known}


def _batches(client: Any) -> Iterator[list[bytes]]:
    cursor = -1
    while cursor:
        cursor, keys = client.scan(cursor=max(cursor, 0), count=AT_ONCE)
        if keys:
            yield keys


def _search(client: Any, keys: list[bytes], place: str, traces: Traces, scan: Scan) -> None:
    found: dict[bytes, set[int]] = {}
    named: dict[bytes, set[int]] = {}
    for said in _grouped(_said(client, keys)):
        of, texts = [key for key, _text in said], [text for _key, text in said]
        for i, owners in traces.found_among(texts):
            found.setdefault(of[i], set()).update(owners)
        for i, owners in traces.names_among(texts):
            named.setdefault(of[i], set()).update(owners)
    dropped = _drop(client, found) if place == CACHE else set()
    for key in found.keys() - dropped:
        scan.note(found[key], place)
    for key in named.keys() - dropped:
        scan.note_names(named[key], place)


def _drop(client: Any, found: Iterable[bytes]) -> set[bytes]:
    """Throw away what is a value of our own cache; return which keys that were."""
    ours = cache.make_key("").encode()
    dropped = {key for key in found if key.startswith(ours) and client.type(key) in (b"string", b"none")}
    if dropped:
        client.unlink(*dropped)
        log.warning("cache.dropped", values=len(dropped))
    return dropped


def _said(client: Any, keys: list[bytes]) -> Iterator[tuple[bytes, str]]:
    """Read every text that a key or its value can be read as."""
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.type(key)
    for key, kind in zip(keys, pipeline.execute(), strict=True):
        for value in (key, *READ.get(kind, _as_dumped)(client, key)):
            for text in readings(value):
                yield key, text


def _grouped(said: Iterable[tuple[bytes, str]]) -> Iterator[list[tuple[bytes, str]]]:
    group: list[tuple[bytes, str]] = []
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
