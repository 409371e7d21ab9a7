"""Who has just entered a code that was sent to a member's own contact."""

import time

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest

from accounts.models import User

COUNTS_FOR = 600  # seconds


def has_entered_a_code(request: HttpRequest, member: User) -> bool:
    """Tell whether it was in this session, within the last ten minutes: signing in by it counts too."""
    since = time.time() - COUNTS_FOR
    records = get_authentication_records(request, member)
    return any(record["method"] == "code" and record["at"] > since for record in records)
