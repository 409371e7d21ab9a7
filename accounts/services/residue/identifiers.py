"""By what the members who leave are known, and nobody else is."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple, cast
from urllib.parse import quote
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts import closing
from accounts.models import Alert, Closure, Profile, User
from accounts.models.user import hash_of_phone
from accounts.services.residue.spellings import is_plain, is_word
from consent.fields import SealedMixin, as_stored
from consent.lookups import Among

SHORTEST_TOKEN = 8
READ = ("pk", "subject", "media_prefix", "email")

Pairs = list[tuple[str, int]]
Said = dict[str, list[Any]]


class _Own(NamedTuple):
    """What a member's own row says; number and name as they are stored."""

    pk: int
    subject: UUID
    media_prefix: UUID
    email: str | None
    phone: bytes | None
    name: bytes | None

    def __repr__(self) -> str:
        return "<_Own>"


def _opened(name: str, stored: bytes | None) -> str:
    return "" if stored is None else str(cast("SealedMixin", User._meta.get_field(name)).unseal(stored))


@dataclass(frozen=True, repr=False)
class Identifiers:
    """What members are known by, each with whose it is: in memory only, or sealed beside a closure."""

    contacts: Pairs = field(default_factory=list)
    tokens: Pairs = field(default_factory=list)
    names: Pairs = field(default_factory=list)
    ids: list[tuple[int, int]] = field(default_factory=list)  # of the members' rows

    def __repr__(self) -> str:
        return "<Identifiers>"  # a traceback or a log that shows it names nobody

    @classmethod
    def of(cls, members: Iterable[User]) -> "Identifiers":
        """Read them from the rows of these members: the same few queries for any number."""
        return cls.read(members)()

    @classmethod
    def read(cls, members: Iterable[User]) -> "Callable[[], Identifiers]":
        """Read them; what is returned opens what is sealed, and asks the database nothing any more."""
        ids = [member.pk for member in members]
        rows = User.objects.filter(pk__among=Among(ids))
        own = [_Own(*said) for said in rows.values_list(*READ, as_stored("phone"), as_stored("name"))]
        others, tokens = [*_added(ids), *_former(ids)], _tokens(ids, own)

        def opened() -> Identifiers:
            contacts = [(to, said.pk) for said in own for to in (_opened("phone", said.phone), said.email) if to]
            names = [(name, said.pk) for said in own if _is_telling(name := _opened("name", said.name))]
            return cls(contacts + others, tokens, names, [(pk, pk) for pk in ids])

        return opened

    @classmethod
    def kept(cls, of_each: Iterable[tuple[int, Mapping[str, Iterable[Any]]]]) -> "Identifiers":
        """Read what was kept of members, who may be gone; each under the number by which it is to be reported."""
        known = cls()
        for owner, said in of_each:
            for of in fields(cls):
                getattr(known, of.name).extend((value, owner) for value in said.get(of.name, ()))
        return known

    def to_json(self, owner: int) -> Said:
        """Write what is known of one of them, to be kept sealed and nowhere else."""
        return self._by_owner.get(owner, {of.name: [] for of in fields(self)})

    @property
    def numbers(self) -> Pairs:
        return [(to, owner) for to, owner in self.contacts if "@" not in to]

    @property
    def addresses(self) -> Pairs:
        return [(to, owner) for to, owner in self.contacts if "@" in to and is_plain(to)]

    @property
    def words(self) -> Pairs:
        return [(token, owner) for token, owner in self.tokens if is_word(token)]

    @property
    def literals(self) -> Pairs:
        """List what can only be looked for as it stands: odd addresses, quoted ones too, and odd tokens."""
        odd = [(to, owner) for to, owner in self.contacts if "@" in to and not is_plain(to)]
        return [*_quoted_too(odd), *((token, owner) for token, owner in self.tokens if not is_word(token))]

    @cached_property
    def _by_owner(self) -> dict[int, Said]:
        found: dict[int, Said] = {}
        for of in fields(self):
            for value, owner in getattr(self, of.name):
                found.setdefault(owner, {one.name: [] for one in fields(self)})[of.name].append(value)
        return found


def _quoted_too(odd: Pairs) -> Iterator[tuple[str, int]]:
    for address, owner in odd:
        yield from ((spelling, owner) for spelling in (address, address.replace("@", "%40"), quote(address)))


def _added(ids: list[int]) -> Pairs:
    """List the addresses that these members once added."""
    return list(EmailAddress.objects.filter(user__pk__among=Among(ids)).values_list("email", "user_id"))


def _former(ids: list[int]) -> Pairs:
    """List what they had before and an alert remembers, without what somebody who stays has proven since."""
    alerts = Alert.objects.filter(member__pk__among=Among(ids)).values_list("contacts_before", "member_id")
    had = {(to, pk) for before, pk in alerts for to in before.values()}
    taken = _proven_by_others({to for to, _pk in had}, ids) if had else set()
    return sorted((to, pk) for to, pk in had if to not in taken)


def _proven_by_others(contacts: set[str], ids: list[int]) -> set[str]:
    numbers = {hash_of_phone(to): to for to in contacts if "@" not in to}
    theirs = User.objects.filter(phone_hash__among=Among(numbers), phone_verified=True).exclude(pk__among=Among(ids))
    mails = EmailAddress.objects.filter(email__among=Among(contacts - {*numbers.values()}), verified=True)
    return {
        *(numbers[bytes(found)] for found in theirs.values_list("phone_hash", flat=True) if found),
        *mails.exclude(user__pk__among=Among(ids)).values_list("email", flat=True),
    }


def _tokens(ids: list[int], rows: list[_Own]) -> Pairs:
    """List what stands for these members and for nobody else: random numbers, addresses of pages, what channels gave.

    What a channel gave goes before the rows do: a closure keeps it until the end.
    """
    own = [(str(one), said.pk) for said in rows for one in (said.subject, said.media_prefix)]
    slugs = list(Profile.objects.filter(member__pk__among=Among(ids)).values_list("slug", "member_id"))
    linked = list(SocialAccount.objects.filter(user__pk__among=Among(ids)).values_list("uid", "user_id"))
    of_closures = Closure.objects.live().filter(member__pk__among=Among(ids), traces__isnull=False)
    kept: Any = of_closures.values_list("member_id", "traces")
    told = [*((pk, said.get("tokens", ())) for pk, said in kept), *closing.traces(ids).items()]
    given = [(token, pk) for pk, tokens in told for token in tokens if len(token) >= SHORTEST_TOKEN]
    return own + slugs + linked + given


def _is_telling(name: str) -> bool:
    """Tell whether finding a name means something: one Latin word may be any stored choice ("mail", "paid")."""
    return len(name) >= 2 and (not name.isascii() or " " in name.strip())
