"""What a session knows of its visitor beyond being signed in: what was proven, and when."""

import time

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest

from accounts.models import User

COUNTS_FOR = 600  # seconds
SPARED = 3  # codes a day, beyond the cap, for who has just locked their account: whoever floods it keeps nobody out
LOCKED_HERE = "locked_an_account"


def has_entered_a_code(request: HttpRequest, member: User) -> bool:
    """Tell whether it was in this session, within the last ten minutes: signing in by it counts too."""
    since = time.time() - COUNTS_FOR
    records = get_authentication_records(request, member)
    return any(record["method"] == "code" and record["at"] > since for record in records)


def began_before_lock(request: HttpRequest, member: User) -> bool:
    """Tell whether a sign-in that ends now showed its first proof before the member locked the account."""
    if member.locked_at is None:
        return False
    locked_at = member.locked_at.timestamp()
    return any(record["at"] <= locked_at for record in get_authentication_records(request, member))


def note_lock(request: HttpRequest) -> None:
    """Remember that an account was locked from here."""
    request.session[LOCKED_HERE] = True


def spared_codes(request: HttpRequest) -> int:
    """Return how many codes are sent to somebody from here although they were sent enough for a day."""
    return SPARED if request.session.get(LOCKED_HERE) else 0
