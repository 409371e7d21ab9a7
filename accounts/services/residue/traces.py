"""What would betray the members who leave."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import quote

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts import closing
from accounts.models import Closure, Profile, User
from accounts.services.residue.sieve import Sieve
from accounts.services.residue.spellings import Addresses, Literals, Numbers, Owners, Words, is_plain, is_word
from accounts.services.residue.texts import among
from consent.lookups import Among

SHORTEST_TOKEN = 8

Pairs = list[tuple[str, int]]


def addresses_of(members: Iterable[User]) -> list[str]:
    """List the numbers and addresses of these members, those they once added included."""
    return sorted({contact for contact, _owner in contacts_of(members)})


def contacts_of(members: Iterable[User]) -> Pairs:
    """List the same with whose each is, by two queries."""
    ids = [member.pk for member in members]
    rows = User.objects.filter(pk__among=Among(ids)).values_list("phone", "email", "pk")
    own = [(to, pk) for phone, email, pk in rows for to in (phone, email) if to]
    return own + list(EmailAddress.objects.filter(user__pk__among=Among(ids)).values_list("email", "user_id"))


def _tokens(ids: list[int]) -> Pairs:
    """List what stands for these members and for nobody else: random numbers, addresses of pages, what channels gave.

    What a channel gave goes before the rows do: a closure keeps it until the end.
    """
    rows = User.objects.filter(pk__among=Among(ids)).values_list("subject", "media_prefix", "pk")
    own = [(str(one), pk) for *tokens, pk in rows for one in tokens]
    slugs = list(Profile.objects.filter(member__pk__among=Among(ids)).values_list("slug", "member_id"))
    linked = list(SocialAccount.objects.filter(user__pk__among=Among(ids)).values_list("uid", "user_id"))
    of_closures = Closure.objects.live().filter(member__pk__among=Among(ids), traces__isnull=False)
    kept = dict(of_closures.values_list("member_id", "traces"))
    told = [(pk, tokens or []) for of in (kept, closing.traces(ids)) for pk, tokens in of.items()]
    return (
        own + slugs + linked + [(token, pk) for pk, tokens in told for token in tokens if len(token) >= SHORTEST_TOKEN]
    )


class Traces:
    """What would betray these members, held in memory only, and how to find it."""

    def __init__(self, members: Iterable[User]) -> None:
        members = list(members)
        ids = [member.pk for member in members]
        self.members = frozenset(ids)
        self.contacts, self._told = contacts_of(members), _tokens(ids)
        called = User.objects.filter(pk__among=Among(ids)).values_list("name", "pk")
        self._called = [(name, pk) for name, pk in called if _is_telling(name)]

    def __repr__(self) -> str:
        return "<Traces>"  # a traceback or a log that shows it names nobody

    @cached_property
    def names(self) -> Literals:
        return Literals(self._called)

    @cached_property
    def finders(self) -> list[Numbers | Addresses | Words | Literals]:
        """Put together how to find them, when somebody first looks."""
        tokens = self._told
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


def _is_telling(name: str) -> bool:
    """Tell whether finding a name means something: one Latin word may be any stored choice ("mail", "paid")."""
    return len(name) >= 2 and (not name.isascii() or " " in name.strip())
