"""What is somebody else's by now: whoever has left may come back before the proof of their leaving is there."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts.models import User
from accounts.models.user import hash_of_phone
from accounts.services.residue.identifiers import Identifiers, Pairs

Claims = dict[str | bytes, datetime]  # when whoever has it now signed up


def without_passed_on(known: Identifiers, erased: Mapping[int, datetime]) -> Identifiers:
    """Leave out the numbers, addresses and links with which somebody has signed up since their owner was erased.

    They are that account's own, and what is written to them is meant for it. `erased` tells when each owner was.
    """
    claims = _claims(min(erased.values())) if erased else {}
    if not claims:
        return known

    def kept(pairs: Pairs) -> Pairs:
        return [(value, owner) for value, owner in pairs if not _since(claims, value, erased[owner])]

    return replace(known, contacts=kept(known.contacts), tokens=kept(known.tokens))


def _claims(since: datetime) -> Claims:
    """List what accounts that were opened since are known by; a number by its hash."""
    people = User.objects.filter(date_joined__gte=since)
    said = [
        people.values_list("email", "date_joined"),
        people.values_list("phone_hash", "date_joined"),
        EmailAddress.objects.filter(user__in=people).values_list("email", "user__date_joined"),
        SocialAccount.objects.filter(user__in=people).values_list("uid", "user__date_joined"),
    ]
    found: Claims = {}
    for claim, at in (row for rows in said for row in rows if row[0]):
        key = claim.lower() if isinstance(claim, str) else bytes(claim)
        found[key] = max(at, found.get(key, at))
    return found


def _since(claims: Claims, value: str, moment: datetime) -> bool:
    at = claims.get(hash_of_phone(value) if value.startswith("+") else value.lower())
    return at is not None and at >= moment
