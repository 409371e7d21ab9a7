"""A cache that is gone or hung costs a page neither its answer nor a second."""

import socket
import time

import pytest
from django.core.cache import cache, caches
from redis import RedisError
from redis.exceptions import OutOfMemoryError

from config import cache as module
from config.cache import ForgivingRedisCache


@pytest.fixture(autouse=True)
def _rested():
    yield
    module._Outage.until, module._Outage.stale = 0.0, set()


def rest():
    """Redis does not answer, for now."""
    module._Outage.until = time.monotonic() + 60


def wake():
    module._Outage.until = 0.0


@pytest.fixture
def refused():
    return ForgivingRedisCache("redis://127.0.0.1:9/1", {"OPTIONS": {"socket_connect_timeout": 0.5}})


@pytest.fixture
def hung():
    """Accepts connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"redis://127.0.0.1:{listener.getsockname()[1]}/1"
        yield ForgivingRedisCache(address, {"OPTIONS": {"socket_timeout": 0.3, "socket_connect_timeout": 0.3}})


def test_what_is_set_is_found_in_redis():
    cache.set("a", {"b": 1})
    assert cache.get("a") == {"b": 1}
    cache.ping()


def test_a_number_is_added_to_only_while_it_is_there_and_keeps_its_time():
    with pytest.raises(ValueError, match="limit"):
        cache.incr("limit")
    assert cache.get("limit") is None
    cache.set("limit", 1, 60)
    assert cache.incr("limit") == 2
    assert cache.decr("limit", 2) == 0
    assert cache.get("limit") == 0
    left = cache._cache.get_client().ttl(cache.make_key("limit"))
    assert 0 < left <= 60


@pytest.mark.parametrize("kind", ["refused", "hung"])
def test_without_redis_this_process_still_counts(kind, request):
    broken = request.getfixturevalue(kind)
    broken.clear()
    assert broken.get("limit") is None
    assert broken.add("limit", 1)
    assert broken.incr("limit") == 2
    assert broken.get_many(["limit", "other"]) == {"limit": 2}
    assert "limit" in broken
    broken.delete("limit")
    assert broken.get("limit", "gone") == "gone"


def test_a_hung_redis_is_asked_once_then_left_alone(hung):
    begun = time.monotonic()
    for _ in range(50):
        hung.get("anything")
    assert time.monotonic() - begun < 2


def test_asking_redis_itself_tells_the_truth(refused):
    with pytest.raises(RedisError):
        refused.ping()


def test_what_was_signed_out_while_redis_rested_stays_signed_out_when_it_is_back():
    sessions = caches["sessions"]
    sessions.set("alice", {"user": 1})
    cache.set("limit", 7)
    rest()
    sessions.delete("alice")
    cache.set("limit", 8)
    assert cache.get("limit") == 8
    wake()
    assert sessions.get("alice") is None
    assert cache.get("limit") is None
    rest()
    assert cache.get("limit") is None  # what bridged one outage is not found in the next


def test_while_redis_rests_no_process_keeps_a_session_that_another_may_have_ended():
    rest()
    caches["sessions"].set("alice", {"user": 1})
    assert caches["sessions"].get("alice") is None


def test_after_a_long_outage_redis_starts_empty(monkeypatch):
    monkeypatch.setattr(module, "ROOM", 2)
    cache.set("untouched", 1)
    rest()
    for number in range(5):
        cache.set(f"key{number}", number)
    wake()
    assert cache.get("untouched") is None


def test_a_redis_that_is_full_fails_no_page(monkeypatch):
    def full(*args, **kwargs):
        raise OutOfMemoryError("OOM command not allowed when used memory > 'maxmemory'.")

    monkeypatch.setattr(module.RedisCache, "set", full)
    cache.set("limit", 1)
    assert cache.get("limit") == 1
