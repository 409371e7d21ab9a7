"""Where a member is signed in.

allauth looks at every session of a member at each sign-in and on the page that lists them: a query, two questions to
the cache and a member read for each. Here a sign-in adds its row, the page takes two queries, the clock clears away.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services.sessions import end_sessions

LONGEST = UserSession._meta.get_field("user_agent").max_length


def note_device(*, request: HttpRequest, user: User, **_signal: object) -> None:
    """Write down where a member has just signed in; a session that signs in again is the same device."""
    if not request.session.session_key:  # another member was signed in here: their session was dropped, with its key
        request.session.save()
    seen = {
        "user": user,
        "ip": get_adapter().get_client_ip(request),
        "user_agent": request.headers.get("User-Agent", "")[:LONGEST],
        "last_seen_at": timezone.now(),
    }
    device = UserSession(session_key=request.session.session_key, **seen)
    UserSession.objects.bulk_create(
        [device], update_conflicts=True, unique_fields=["session_key"], update_fields=list(seen)
    )


def devices_of(*, member: User, now: datetime) -> list[UserSession]:
    """List where a member is signed in, the oldest first, and forget where they no longer are."""
    noted = list(UserSession.objects.filter(user=member).order_by("created_at", "pk"))
    stored = Session.objects.filter(session_key__in=[device.session_key for device in noted], expire_date__gt=now)
    live = _still_in(member, stored)
    over = [device.pk for device in noted if device.session_key not in live]
    if over:
        UserSession.objects.filter(pk__in=over).delete()
    return [device for device in noted if device.session_key in live]


@transaction.atomic
def end_device(*, member: User, device_id: int) -> bool:
    """Sign a member out on one of their devices; tell whether there was such a one."""
    device = UserSession.objects.select_for_update().filter(user=member, pk=device_id).first()
    if device is None:
        return False
    end_sessions(keys=[device.session_key])
    device.delete()
    return True


def _still_in(member: User, sessions: Iterable[Session]) -> set[str]:
    """Keep the sessions that let this member in: those from before a change of password do not."""
    hashes = {member.get_session_auth_hash(), *member.get_session_auth_fallback_hash()}
    decoded: list[tuple[str, dict[str, Any]]] = [(session.session_key, session.get_decoded()) for session in sessions]
    return {
        key for key, data in decoded if data.get(SESSION_KEY) == str(member.pk) and data.get(HASH_SESSION_KEY) in hashes
    }


@transaction.atomic
def drop_ended_sessions(*, now: datetime) -> int:
    """Delete sessions whose time is over, and what was noted of devices whose session is gone; return how many."""
    ended, _ = Session.objects.filter(expire_date__lte=now).delete()
    running = Session.objects.filter(session_key=OuterRef("session_key"))
    devices, _ = UserSession.objects.filter(~Exists(running)).delete()
    return ended + devices
