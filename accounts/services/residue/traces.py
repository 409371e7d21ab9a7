"""What would betray the members who leave, and how it is found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from accounts.models import User
from accounts.services.residue.identifiers import Identifiers
from accounts.services.residue.sieve import Sieve
from accounts.services.residue.spellings import Addresses, Ids, Literals, Numbers, Owners, Words
from accounts.services.residue.texts import among, encoded


class Traces:
    """What would betray these members, held in memory only, and how to find it."""

    def __init__(self, of: Iterable[User] | Identifiers, *, erased: Mapping[int, datetime] | None = None) -> None:
        """Take them from members, or from what was kept of owners who are gone, each `erased` at a moment."""
        self.known = of if isinstance(of, Identifiers) else Identifiers.of(of)
        self.erased = erased or {}
        self.members = frozenset(pk for pk, _owner in self.known.ids)
        self.contacts = self.known.contacts

    def __repr__(self) -> str:
        return "<Traces>"  # a traceback or a log that shows it names nobody

    @cached_property
    def names(self) -> Literals:
        return Literals(self.known.names)

    @cached_property
    def finders(self) -> list[Numbers | Addresses | Words | Literals | Ids]:
        """Put together how to find them, when the sieve first keeps something."""
        return [
            Numbers(self.known.numbers),
            Addresses(self.known.addresses),
            Words(self.known.words),
            Literals(self.known.literals, whole=True),
            Ids(self.known.ids),
        ]

    @cached_property
    def sieve(self) -> Sieve:
        return Sieve(self.known)

    def are_in(self, *texts: str) -> bool:
        """Tell whether a text betrays any of them; their names do not count."""
        return next(self.found_among(texts), None) is not None

    def found_among(self, texts: Sequence[str]) -> Iterator[tuple[int, Owners]]:
        """Find which of these texts betrays whom, in one go over all of them."""
        if self.sieve.keeps(encoded(texts)):
            for find in self.finders:
                yield from among(texts, find)

    def names_among(self, texts: Sequence[str]) -> Iterator[tuple[int, Owners]]:
        """Find which of these texts has whose name; a namesake's looks the same."""
        if self.sieve.keeps_name(encoded(texts)):
            yield from among(texts, self.names)
