"""How often one address or one member may do what costs us or helps a guesser."""

from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest

from consent import origin
from consent.fields import keyed_hash


@dataclass(frozen=True)
class Limit:
    """So many times in so many seconds; counted for the member, or for the address of who is not signed in."""

    name: str
    times: int
    seconds: int

    def is_reached(self, request: HttpRequest) -> bool:
        return (cache.get(self._key(request)) or 0) >= self.times

    def count(self, request: HttpRequest) -> None:
        """Count one more; the time runs from the first."""
        key = self._key(request)
        if not cache.add(key, 1, self.seconds):
            try:
                cache.incr(key)
            except ValueError:  # it ran out between the two
                cache.set(key, 1, self.seconds)

    def _key(self, request: HttpRequest) -> str:
        return f"limit:{self.name}:{keyed_hash(_who(request), purpose='consent.limit').hex()[:32]}"


def _who(request: HttpRequest) -> str:
    if request.user.is_authenticated:
        return f"member:{request.user.pk}"
    return f"address:{origin.of(request).ip}"


# A hospital is one address with many doctors behind it; each is asked once in thirty days.
ACKNOWLEDGEMENTS = Limit("gate", times=60, seconds=3600)
