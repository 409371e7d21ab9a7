"""How often a password may be tried: for each account and for each address of the network.

allauth's own limiter takes a lock in the cache for each count, twelve questions to Redis at each sign-in. A counter
that only ever goes up by one in a single step needs none: however many guess at once, each gets a number of their own.
"""

from contextlib import suppress
from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.core.cache import cache

from consent.fields import keyed_hash


@dataclass(frozen=True)
class Limit:
    """At most so many tries within so many seconds, counted from the first one."""

    name: str
    most: int
    seconds: int

    def take(self, who: str) -> bool:
        """Count one try, and tell whether it is within the limit."""
        key = self._key(who)
        try:
            number = cache.incr(key)
        except ValueError:  # nobody tried lately
            number = 1 if cache.add(key, 1, self.seconds) else cache.incr(key)
        return number <= self.most

    def enforce(self, who: str) -> None:
        """Count one try.

        :raises django.forms.ValidationError: when it is one too many; says when to come back
        """
        if not self.take(who):
            raise forms.ValidationError(f"尝试次数过多，请 {in_words(self.seconds)}后再试", code="too_often")

    def give_back(self, who: str) -> None:
        """Uncount one try."""
        with suppress(ValueError):  # its time may be over
            cache.decr(self._key(who))

    def forget(self, who: str) -> None:
        cache.delete(self._key(who))

    def _key(self, who: str) -> str:
        return f"attempts:{self.name}:{keyed_hash(who, purpose='accounts.attempts').hex()}"


def in_words(seconds: int) -> str:
    """Say how long to wait: "5 分钟", "30 秒"."""
    return f"{seconds // 60} 分钟" if seconds >= 60 else f"{seconds} 秒"


def of_member(pk: int) -> str:
    """Name a member so that no number or address is written alike."""
    return f"member:{pk}"


def for_account() -> Limit:
    return Limit("account", *settings.SIGN_IN_TRIES["account"])


def for_address() -> Limit:
    return Limit("address", *settings.SIGN_IN_TRIES["address"])
