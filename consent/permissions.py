"""Device permissions as a request meets them: which browser this is, what is open on it, and who is turned away."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_permissions_policy.decorators import permissions_policy_override

from consent import timeline
from consent.models import Permission
from consent.permission_words import WORDS
from consent.services import Device

COOKIE = "device"
SALT = "consent.device"
DECIDED = "_decided_on_device"
REMEMBERED = 365 * 24 * 3600  # seconds
Kind = Permission.Kind
# What browsers call it; choosing a picture from an album is a file dialogue, which no header can close.
FEATURES = {Kind.LOCATION: "geolocation", Kind.CAMERA: "camera", Kind.MICROPHONE: "microphone"}


def key_of(request: HttpRequest) -> uuid.UUID | None:
    """Read which browser this is; None when nothing was ever decided on it."""
    device: Device | None = getattr(request, DECIDED, None)
    if device is not None:
        return device.key
    value = request.get_signed_cookie(COOKIE, default=None, salt=SALT, max_age=REMEMBERED)
    return uuid.UUID(value) if value else None


def device_of(request: HttpRequest) -> Device:
    """Return this browser of this member, under a new number if it has none."""
    return Device(request.user, key_of(request) or uuid.uuid4())


def mark_decided(request: HttpRequest, device: Device) -> None:
    """Have this browser carry its number from now on; only a decision needs one."""
    setattr(request, DECIDED, device)


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Give its number to a browser on which something was just decided."""
    device: Device | None = getattr(request, DECIDED, None)
    if device is None:
        return
    response.set_signed_cookie(
        COOKIE,
        device.key.hex,
        salt=SALT,
        max_age=REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def opened(request: HttpRequest) -> frozenset[str]:
    """List what is open on this browser for whoever is signed in; costs no query."""
    is_known = COOKIE in request.COOKIES or hasattr(request, DECIDED)
    if not is_known or settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return frozenset()
    member: Any = request.user
    key = key_of(request)
    if key is None or not member.is_authenticated:
        return frozenset()
    return frozenset(member.open_permissions.get(key.hex, ()))


def guarded(request: HttpRequest) -> list[tuple[str, str]]:
    """Name what is open here and closed by the browser's own settings too, and what the browser calls it."""
    return [(kind, FEATURES[Kind(kind)]) for kind in sorted(opened(request)) if Kind(kind) in FEATURES]


def refusal(request: HttpRequest, fields: Mapping[str, str]) -> str:
    """Say why the files of a request are not let in; empty when they are. `fields`: what each one takes, by its name.

    A file in any other field counts as a picture. Whoever refuses answers 403 with these words.
    """
    missing = {fields.get(name, Kind.PICTURES) for name in request.FILES} - opened(request)
    names = "、".join(Kind(kind).label for kind in sorted(missing))
    return f"这台设备没有打开“{names}”权限，所以没有收下图片。打开权限后再选一次。" if missing else ""


def tell_browser(request: HttpRequest, response: HttpResponse, opened: frozenset[str]) -> HttpResponse:
    """Write the header that opens these features on the page and keeps all others closed (Permissions Policy, W3C)."""
    policy: dict[str, Any] = {
        **settings.PERMISSIONS_POLICY,
        **{name: ["self"] for kind, name in FEATURES.items() if kind in opened},
    }
    answer: HttpResponse = permissions_policy_override(policy)(lambda _request: response)(request)
    return answer


def may_offer(request: HttpRequest, kind: str) -> bool:
    """Tell whether a page may offer a permission by a card: not open here, and not refused in the last 90 days."""
    if not request.user.is_authenticated:
        return False
    decided = _decided_here(request).get(kind)
    return decided is None or decided.may_be_asked(timezone.now())


def _decided_here(request: HttpRequest) -> dict[str, Permission]:
    """Read what was decided on this device, once for all cards of a page."""
    known: dict[str, Permission] | None = getattr(request, "_decided_here", None)
    if known is None:
        here = Permission.objects.for_member(request.user).on_device(key_of(request))
        known = {permission.kind: permission for permission in here}
        setattr(request, "_decided_here", known)  # noqa: B010 - a request has no such attribute by itself
    return known


def card_context(request: HttpRequest, kind: str) -> dict[str, Any] | None:
    """Return what a card says before a permission is used for the first time; None when there is nothing to ask."""
    sheet = timeline.read().in_force(timezone.now()).get(kind)
    if sheet is None or not may_offer(request, kind):
        return None
    return {"kind": Kind(kind), "words": WORDS[Kind(kind)], "sheet": sheet, "next": request.get_full_path()}
