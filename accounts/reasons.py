"""Why somebody of the staff looks at a member: said once, and good for as long as one look lasts."""

from datetime import datetime

from django.http import HttpRequest

from accounts.models import Look

KEY = "looked_at_for"


def keep_reason(request: HttpRequest, *, member_id: int, reason: str, now: datetime) -> None:
    """Remember a reason in the colleague's session, and forget those whose time is over."""
    known = request.session.get(KEY, {}).items()
    standing = {pk: said for pk, said in known if now.timestamp() < said[1]}
    until = (now + Look.ONE_LOOK).timestamp()
    request.session[KEY] = {**standing, str(member_id): [reason, until]}


def reason_kept(request: HttpRequest, *, member_id: int, now: datetime) -> str:
    """Return the reason that still stands for this member, if there is one."""
    reason, until = request.session.get(KEY, {}).get(str(member_id), ("", 0))
    return reason if now.timestamp() < until else ""
