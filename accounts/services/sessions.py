"""Ending sessions: in their table, in the cache, and those that only began to sign in."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Any

import redis
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends import cached_db
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction

from accounts.models import User
from accounts.services.residue import Traces

# Under these keys Django and allauth write whose a session is, or is about to be.
KEYS_OF_PEOPLE = {"_auth_user_id", "user_pk", "user_id"}
CHUNK = 500


def sign_out_everywhere(*, member: User) -> int:
    """End every session of a member; return how many there were."""
    keys = list(UserSession.objects.filter(user=member).values_list("session_key", flat=True))
    UserSession.objects.filter(user=member).delete()
    end_sessions(keys=keys)
    return len(keys)


def end_sessions(*, keys: Iterable[str]) -> None:
    """Delete these sessions, in their table and, after commit, in the cache."""
    ended = list(keys)
    Session.objects.filter(session_key__in=ended).delete()
    transaction.on_commit(partial(_drop_from_cache, ended))


def _drop_from_cache(session_keys: Iterable[str]) -> None:
    cache.delete_many([f"{cached_db.KEY_PREFIX}{key}" for key in session_keys])


def delete_sessions_about(members: Iterable[User]) -> int:
    """Delete every stored session that is theirs or mentions them, such as a half-finished sign-in or a code's form."""
    return _delete_rows(_mention_of(members))


def _delete_rows(about: "_Mention") -> int:
    return Session.objects.filter(session_key__in=_stored_sessions(about)).delete()[0]


def _stored_sessions(about: "_Mention") -> list[str]:
    return [s.session_key for s in Session.objects.iterator(CHUNK) if about(s.get_decoded())]


def drop_cached_sessions_about(members: Iterable[User]) -> int:
    """Do the same in the cache, speaking to Redis itself: the cache forgives failures, a purge must not.

    :raises redis.RedisError: when the cache does not answer
    """
    return _drop_cached(_mention_of(members))


def _drop_cached(about: "_Mention") -> int:
    client: Any = redis.Redis.from_url(
        settings.CACHES["default"]["LOCATION"], socket_timeout=2, socket_connect_timeout=2
    )
    with client:
        keys = [key for key, data in _cached_sessions(client) if about(data)]
        return client.delete(*keys) if keys else 0


def _cached_sessions(client: Any) -> Iterator[tuple[bytes, Any]]:
    pattern = cache.make_key(f"{cached_db.KEY_PREFIX}*")
    keys = list(client.scan_iter(match=pattern, count=CHUNK))
    for start in range(0, len(keys), CHUNK):
        some = keys[start : start + CHUNK]
        for key, value in zip(some, client.mget(some), strict=True):
            if value is not None:
                yield key, pickle.loads(value)  # noqa: S301 - written by Django's own cache


def forget_last_sessions(traces: Traces) -> None:
    """Delete what was written about members after their sessions first went: they may look in until their rows go.

    From the table, from the cache, and from the cache again once that is final: until then a visit still reads the row
    and puts it back there. The first time a cache that is down undoes everything; the second time, an instant later,
    nothing can be undone any more and it is only logged.

    :raises redis.RedisError: when the cache does not answer
    """
    forget_last_stored_sessions(traces)
    about = _Mention(traces.members, lambda: traces)
    _drop_cached(about)
    transaction.on_commit(lambda: _drop_cached(about), robust=True)


def forget_last_stored_sessions(traces: Traces) -> None:
    """Delete them from the table alone, which a transaction can undo."""
    _delete_rows(_Mention(traces.members, lambda: traces))


def forget_sessions_of(ids: Iterable[int]) -> None:
    """Delete from table and cache what says that it is a session of members who are gone.

    What only mentions a number or an address is left alone: it may be somebody's who is just signing up with it.

    :raises redis.RedisError: when the cache does not answer
    """
    theirs = _Mention(ids)
    _delete_rows(theirs)
    _drop_cached(theirs)
    transaction.on_commit(lambda: _drop_cached(theirs), robust=True)


def with_sessions(ids: Iterable[int]) -> set[int]:
    """Tell which of these members who are gone have a stored session all the same."""
    theirs = _Mention(ids)
    return {pk for session in Session.objects.iterator(CHUNK) for pk in theirs.whose(session.get_decoded())}


def _mention_of(members: Iterable[User]) -> "_Mention":
    members = list(members)
    return _Mention([member.pk for member in members], lambda: Traces(members))


class _Mention:
    """Tells whether a session's data speak of one of these members; their traces are put together when one is read."""

    def __init__(self, ids: Iterable[int], traces: Callable[[], Traces] | None = None) -> None:
        self.ids = {str(pk): pk for pk in ids}
        self._traces = traces

    @cached_property
    def traces(self) -> Traces | None:
        return self._traces and self._traces()

    def __call__(self, data: object) -> bool:
        if any(self.whose(data)):
            return True
        return self.traces is not None and self.traces.are_in(*_words(data))

    def whose(self, value: object) -> Iterator[int]:
        """Find whose it says that it is."""
        if isinstance(value, dict):
            for key, said in value.items():
                if key in KEYS_OF_PEOPLE and str(said) in self.ids:
                    yield self.ids[str(said)]
                yield from self.whose(said)
        elif isinstance(value, list | tuple):
            for said in value:
                yield from self.whose(said)


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for said in value:
            yield from _words(said)
    elif isinstance(value, str):
        yield value
