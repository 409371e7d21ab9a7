"""A cache that is gone or hung costs a page neither its answer nor a second."""

import socket
import time

import pytest
from django.core.cache import cache
from redis import RedisError

from config import cache as module
from config.cache import ForgivingRedisCache


@pytest.fixture(autouse=True)
def _rested():
    module._Breaker.until = 0.0
    yield
    module._Breaker.until = 0.0


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
