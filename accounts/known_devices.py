"""Which browsers a member has signed in with before: a signed cookie in the browser says so, nothing is kept here."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import services
from accounts.models import User
from accounts.templatetags.shown import device
from consent.fields import keyed_hash

COOKIE = "known"
SALT = "accounts.known_devices"
KEPT = 365 * 24 * 3600  # seconds
MOST = 5  # members who share a browser


def note_sign_in(*, request: HttpRequest, user: User, **_signal: Any) -> None:
    """Tell a member who signs in with a browser that they never used before; who has just joined hears nothing."""
    if _name_of(user) in _known_to(request):
        return
    request.known_device_of = user  # type: ignore[attr-defined]
    now = timezone.now()
    said = request.META.get("HTTP_USER_AGENT", "")
    if user.date_joined < now - services.JUST_JOINED:
        services.alert(member=user, what=f"您的账号在新设备登录：{device(said)}", now=now)


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Let the browser say next time who has signed in with it."""
    member = getattr(request, "known_device_of", None)
    if member is None:
        return
    names = [_name_of(member), *_known_to(request)][:MOST]
    response.set_signed_cookie(
        COOKIE,
        ".".join(names),
        salt=SALT,
        max_age=KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _known_to(request: HttpRequest) -> list[str]:
    said = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=KEPT) or ""
    return said.split(".")


def _name_of(member: User) -> str:
    """Name a member to the browsers of whoever signed in as them since they last locked their account."""
    since = member.locked_at.isoformat() if member.locked_at else ""
    return keyed_hash(f"{member.pk}|{since}", purpose="accounts.known_devices").hex()[:16]
