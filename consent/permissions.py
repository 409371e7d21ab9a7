"""Device permissions as a request meets them: which browser this is, what is open on it, and who is turned away."""

import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django_permissions_policy.decorators import permissions_policy_override

from consent import timeline
from consent.models import Permission
from consent.permission_words import WORDS
from consent.services import Device

COOKIE = "device"
SALT = "consent.device"
REMEMBERED = 365 * 24 * 3600  # seconds
Kind = Permission.Kind
# What browsers call it; choosing a picture from an album is a file dialogue, which no header can close.
FEATURES = {Kind.LOCATION: "geolocation", Kind.CAMERA: "camera", Kind.MICROPHONE: "microphone"}


class PermissionNotGiven(PermissionDenied):
    """Something came that its member's permission on this device does not cover."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"这台设备没有打开“{Kind(kind).label}”权限，所以我们没有收下。可以在“权限管理”里打开后再试。")


def key_of(request: HttpRequest) -> uuid.UUID | None:
    """Read which browser this is; None when nothing was ever decided on it."""
    value = request.get_signed_cookie(COOKIE, default=None, salt=SALT, max_age=REMEMBERED)
    return uuid.UUID(value) if value else None


def device_of(request: HttpRequest) -> Device:
    """Return this browser of this member, under a new number if it has none."""
    return Device(request.user, key_of(request) or uuid.uuid4())


def remember(response: HttpResponse, device: Device) -> HttpResponse:
    """Have the browser carry its number; only a decision needs one."""
    response.set_signed_cookie(
        COOKIE,
        device.key.hex,
        salt=SALT,
        max_age=REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def opened(request: HttpRequest) -> frozenset[str]:
    """List what is open on this browser for whoever is signed in; costs no query."""
    if COOKIE not in request.COOKIES or settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return frozenset()
    member: Any = request.user
    key = key_of(request)
    if key is None or not member.is_authenticated:
        return frozenset()
    return frozenset(member.open_permissions.get(key.hex, ()))


def require(request: HttpRequest, kind: str) -> None:
    """Let nothing of a kind in that is not open on this device.

    :raises PermissionNotGiven: a 403 that says why
    """
    if kind not in opened(request):
        raise PermissionNotGiven(kind)


def guards_uploads(kinds: Mapping[str, str]) -> Callable[..., Any]:
    """Refuse a file in one of these fields unless its permission is open: `{"photo": "camera"}`."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            for field in request.FILES:
                require(request, kinds.get(field, Kind.PICTURES))
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def tell_browser(request: HttpRequest, response: HttpResponse, opened: frozenset[str]) -> HttpResponse:
    """Write the header that opens these features on the page and keeps all others closed (Permissions Policy, W3C)."""
    policy: dict[str, Any] = {
        **settings.PERMISSIONS_POLICY,
        **{name: ["self"] for kind, name in FEATURES.items() if kind in opened},
    }
    answer: HttpResponse = permissions_policy_override(policy)(lambda _request: response)(request)
    return answer


def cards(request: HttpRequest, *kinds: str) -> list[str]:
    """List which of these permissions a page may offer by a card: not open, and not refused in the last 90 days."""
    member: Any = request.user
    if not member.is_authenticated:
        return []
    decided = {
        p.kind: p for p in Permission.objects.for_member(member).on_device(key_of(request)).filter(kind__in=kinds)
    }
    now = timezone.now()
    return [kind for kind in kinds if kind not in decided or decided[kind].may_be_asked(now)]


def card_context(request: HttpRequest, kind: str) -> dict[str, Any] | None:
    """Return what a card says before a permission is used for the first time; None when there is nothing to ask."""
    sheet = timeline.read().in_force(timezone.now()).get(kind)
    if sheet is None or not cards(request, kind):
        return None
    return {"kind": Kind(kind), "words": WORDS[Kind(kind)], "sheet": sheet, "next": request.get_full_path()}
