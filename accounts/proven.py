"""What a session knows of its visitor beyond being signed in: what was proven, and when."""

import time
from collections.abc import Iterable

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest

from accounts.models import User
from consent.fields import keyed_hash

COUNTS_FOR = 600  # seconds
SPARED_FOR = 24 * 3600  # seconds
SPARED = 3  # codes a day, beyond the cap, for who has just locked their account: whoever floods it keeps nobody out
LOCKED_HERE = "locked_an_account"


def has_entered_a_code(request: HttpRequest, member: User) -> bool:
    """Tell whether it was in this session, within the last ten minutes: signing in by it counts too."""
    since = time.time() - COUNTS_FOR
    records = get_authentication_records(request, member)
    return any(record["method"] == "code" and record["at"] > since for record in records)


def began_before_lock(request: HttpRequest, member: User) -> bool:
    """Tell whether a sign-in that ends now showed its first proof before the member locked the account.

    A session may remember earlier ones that were given up: the last first proof is this one's.
    """
    if member.locked_at is None:
        return False
    records = get_authentication_records(request, member)
    first_proofs = [record["at"] for record in records if record["method"] != "mfa" or record.get("passwordless")]
    return bool(first_proofs) and first_proofs[-1] <= member.locked_at.timestamp()


def note_lock(request: HttpRequest, contacts: Iterable[str]) -> None:
    """Remember that the account with these contacts was locked from here."""
    known = [_digest_of(contact) for contact in contacts]
    request.session[LOCKED_HERE] = {"contacts": known, "until": time.time() + SPARED_FOR}


def spared_codes(request: HttpRequest, contact: str) -> int:
    """Return how many codes are sent to a contact from here although it was sent enough for a day."""
    noted = request.session.get(LOCKED_HERE)
    is_theirs = noted and time.time() < noted["until"] and _digest_of(contact) in noted["contacts"]
    return SPARED if is_theirs else 0


def _digest_of(contact: str) -> str:
    return keyed_hash(contact, purpose="accounts.proven.locked_here").hex()
