"""The gate before professional content: the warning is read once, remembered for 30 days or until it changes."""

import uuid
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from consent import origin, services, timeline
from consent.models import GATE_REMEMBERED, Document
from consent.timeline import Version

COOKIE = "gate"
SALT = "consent.gate"


class GateClosed(PermissionDenied):
    """Professional content was asked for before its warning was read."""


def warning_in_force(now: datetime) -> Version:
    """Return the warning that binds now.

    :raises Document.DoesNotExist: when none was ever published: nobody passes then
    """
    warning = timeline.read().in_force(now).get(Document.Kind.GATE)
    if warning is None:
        raise Document.DoesNotExist
    return warning


def is_open(request: HttpRequest) -> bool:
    """Tell whether this person has read the warning in force."""
    now = timezone.now()
    warning = warning_in_force(now)
    age = int(GATE_REMEMBERED.total_seconds())
    seen = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=age) or ""
    if seen.partition(":")[0] == warning.digest[:16]:
        return True
    user = request.user
    return user.is_authenticated and services.has_acknowledged(member=user, document=warning, now=now)


def open_gate(request: HttpRequest, response: HttpResponse) -> None:
    """Write down that the person goes on, and remember it in their browser."""
    now = timezone.now()
    warning = warning_in_force(now)
    member = request.user if request.user.is_authenticated else None
    visitor = uuid.uuid4()
    subject = member.subject if member is not None else visitor
    services.acknowledge(subject=subject, document=warning, origin=origin.of(request), now=now)
    response.set_signed_cookie(
        COOKIE,
        f"{warning.digest[:16]}:{visitor.hex}",
        salt=SALT,
        max_age=int(GATE_REMEMBERED.total_seconds()),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def lead_there(request: HttpRequest) -> HttpResponse:
    """Send the person to the warning; afterwards they land where they were going."""
    return redirect(f"{reverse('consent:gate')}?{urlencode({'next': request.get_full_path()})}")


def safe_next(request: HttpRequest, target: str) -> str:
    """Return where to go on to; whatever would leave the site leads home."""
    stays = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if stays else "/"


def way_back(request: HttpRequest, target: str) -> str:
    """Return the page the person came from; home, when that is unknown or would only lead here again."""
    page = urlsplit(request.headers.get("Referer", ""))
    came_from = page._replace(scheme="", netloc="", fragment="").geturl()
    is_ours = page.netloc == request.get_host()
    return came_from if is_ours and came_from not in (target, request.get_full_path()) else "/"
