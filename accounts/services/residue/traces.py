"""What would betray the members who leave."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from urllib.parse import quote

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts import closing
from accounts.models import Closure, Profile, User
from accounts.services.residue.spellings import Addresses, Hit, Literals, Numbers, Owners, Words, is_plain, is_word

BETWEEN = "\0"  # no text of PostgreSQL's has it, and nothing sought goes across it
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
SHORTEST_TOKEN = 8

Pairs = list[tuple[str, int]]


def addresses_of(members: Iterable[User]) -> list[str]:
    """List the numbers and addresses of these members, those they once added included."""
    return sorted({contact for contact, _owner in contacts_of(members)})


def contacts_of(members: Iterable[User]) -> Pairs:
    """List the same with whose each is, by one query."""
    members = list(members)
    own = [(to, member.pk) for member in members for to in (member.phone, member.email) if to]
    return own + list(EmailAddress.objects.filter(user__in=members).values_list("email", "user_id"))


def _tokens(members: list[User]) -> Pairs:
    """List what stands for these members and for nobody else: random numbers, addresses of pages, what channels gave.

    What a channel gave goes before the rows do: a closure keeps it until the end.
    """
    own = [(str(one), member.pk) for member in members for one in (member.subject, member.media_prefix)]
    slugs = list(Profile.objects.filter(member__in=members).values_list("slug", "member_id"))
    linked = list(SocialAccount.objects.filter(user__in=members).values_list("uid", "user_id"))
    kept = dict(Closure.objects.live().filter(member__in=members).values_list("member_id", "traces"))
    told = [(pk, tokens or []) for of in (kept, closing.traces(members)) for pk, tokens in of.items()]
    return (
        own + slugs + linked + [(token, pk) for pk, tokens in told for token in tokens if len(token) >= SHORTEST_TOKEN]
    )


class Traces:
    """What would betray these members, held in memory only, and how to find it."""

    def __init__(self, members: Iterable[User]) -> None:
        members = list(members)
        self.members = frozenset(member.pk for member in members)
        contacts, tokens = contacts_of(members), _tokens(members)
        mails = [(to, owner) for to, owner in contacts if "@" in to]
        odd = [(to, owner) for to, owner in mails if not is_plain(to)]
        self.finders: list[Callable[[str], Iterator[Hit]]] = [
            Numbers((to, owner) for to, owner in contacts if "@" not in to),
            Addresses((to, owner) for to, owner in mails if is_plain(to)),
            Words((token, owner) for token, owner in tokens if is_word(token)),
            Literals([*_quoted_too(odd), *((t, owner) for t, owner in tokens if not is_word(t))], whole=True),
        ]
        self.names = Literals((member.name, member.pk) for member in members if _is_telling(member.name))

    def __repr__(self) -> str:
        return "<Traces>"  # a traceback or a log that shows it names nobody

    def are_in(self, *texts: str) -> bool:
        """Tell whether a text betrays any of them; their names do not count."""
        return next(self.found_among(texts), None) is not None

    def found_among(self, texts: Sequence[str]) -> Iterator[tuple[int, Owners]]:
        """Find which of these texts betrays whom, in one go over all of them."""
        for find in self.finders:
            yield from _among(texts, find)

    def names_among(self, texts: Sequence[str]) -> Iterator[tuple[int, Owners]]:
        """Find which of these texts has whose name; a namesake's looks the same."""
        return _among(texts, self.names)


def _quoted_too(odd: Pairs) -> Iterator[tuple[str, int]]:
    for address, owner in odd:
        yield from ((spelling, owner) for spelling in (address, address.replace("@", "%40"), quote(address)))


def _is_telling(name: str) -> bool:
    """Tell whether finding a name means something: one Latin word may be any stored choice ("mail", "paid")."""
    return len(name) >= 2 and (not name.isascii() or " " in name.strip())


def _among(texts: Sequence[str], find: Callable[[str], Iterator[Hit]]) -> Iterator[tuple[int, Owners]]:
    yield from _which(texts, find)
    escaped = [place for place, text in enumerate(texts) if "\\" in text]
    for place, owners in _which([_unescaped(texts[place]) for place in escaped], find):
        yield escaped[place], owners


def _which(texts: Sequence[str], find: Callable[[str], Iterator[Hit]]) -> Iterator[tuple[int, Owners]]:
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    for offset, owners in find(BETWEEN.join(texts)):
        yield bisect_right(starts, offset) - 1, owners


def _unescaped(text: str) -> str:
    """Read what JSON has escaped; a line's end that it writes as a letter must not look like a part of a word."""
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
