"""What would betray the members who leave, and how it is found."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import quote

from accounts.models import User
from accounts.services.residue.identifiers import Identifiers, Pairs
from accounts.services.residue.sieve import Sieve
from accounts.services.residue.spellings import Addresses, Literals, Numbers, Owners, Words, is_plain, is_word
from accounts.services.residue.texts import among


class Traces:
    """What would betray these members, held in memory only, and how to find it."""

    def __init__(self, of: Iterable[User] | Identifiers) -> None:
        self.known = of if isinstance(of, Identifiers) else Identifiers.of(of)
        self.members = frozenset(pk for pk, _owner in self.known.ids)
        self.contacts = self.known.contacts

    def __repr__(self) -> str:
        return "<Traces>"  # a traceback or a log that shows it names nobody

    @cached_property
    def names(self) -> Literals:
        return Literals(self.known.names)

    @cached_property
    def finders(self) -> list[Numbers | Addresses | Words | Literals]:
        """Put together how to find them, when somebody first looks."""
        tokens = self.known.tokens
        mails = [(to, owner) for to, owner in self.contacts if "@" in to]
        odd = [(to, owner) for to, owner in mails if not is_plain(to)]
        return [
            Numbers((to, owner) for to, owner in self.contacts if "@" not in to),
            Addresses((to, owner) for to, owner in mails if is_plain(to)),
            Words((token, owner) for token, owner in tokens if is_word(token)),
            Literals([*_quoted_too(odd), *((t, owner) for t, owner in tokens if not is_word(t))], whole=True),
        ]

    @cached_property
    def sieve(self) -> Sieve:
        return Sieve(self.finders, self.names)

    def are_in(self, *texts: str) -> bool:
        """Tell whether a text betrays any of them; their names do not count."""
        return next(self.found_among(texts), None) is not None

    def found_among(self, texts: Sequence[str]) -> Iterator[tuple[int, Owners]]:
        """Find which of these texts betrays whom, in one go over all of them."""
        for find in self.finders:
            yield from among(texts, find)

    def names_among(self, texts: Sequence[str]) -> Iterator[tuple[int, Owners]]:
        """Find which of these texts has whose name; a namesake's looks the same."""
        return among(texts, self.names)


def _quoted_too(odd: Pairs) -> Iterator[tuple[str, int]]:
    for address, owner in odd:
        yield from ((spelling, owner) for spelling in (address, address.replace("@", "%40"), quote(address)))
