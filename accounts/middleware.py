"""What every request of a member goes through."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from allauth.core.exceptions import RateLimited
from allauth.core.ratelimit import respond_429
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import patch_cache_control

from accounts import known_devices, services, visited
from consent import asking

GetResponse = Callable[[HttpRequest], HttpResponse]
LONGEST_LIMIT = 60  # seconds that any of `ACCOUNT_RATE_LIMITS` counts, except wrong codes, which say so themselves


# Where staff sign in and look after it, and what can be read without a member's data.
OPEN_WHILE_CLOSED = ("/admin/", "/account/login/", "/account/logout/", "/account/2fa/", "/account/reauthenticate/")


class RestoreGuardMiddleware:
    """Close the site to members while a restored database has people in it who had gone, or nobody can know."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_open = request.path.startswith((*OPEN_WHILE_CLOSED, "/healthz", "/readyz", "/receipts/"))
        if is_open or not services.is_closed():
            return self.get_response(request)
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": "600"})


class PrivatePagesMiddleware:
    """Keep whatever a member is shown out of every shared and local cache."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Asking for the user would load the session: a page that never looked at it shows nobody anything.
        if request.session.accessed and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response


class TooManyRequestsMiddleware:
    """Turn a rate limit that allauth meets in the middle of something into the page that says so."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            response.headers.setdefault("Retry-After", str(LONGEST_LIMIT))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return respond_429(request) if isinstance(exception, RateLimited) else None


class VisitsMiddleware:
    """Record which pages a member asked for; the line is written later, by another thread."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        at = timezone.now()
        response = self.get_response(request)
        # Who it is has been asked by then, wherever a session's cookie came; a page that never asked knows nobody.
        member = getattr(request, "_cached_user", None)
        if member is not None and member.is_authenticated and visited.is_page(request):
            services.note_visit(visited.seen_of(request, member_id=member.pk, at=at))
        return response


class KnownDevicesMiddleware:
    """Give a browser that somebody has just signed in with the cookie by which it is known next time."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        known_devices.remember(request, response)
        return response


class SuspendedMembersMiddleware:
    """Leave to a suspended member what nobody may be kept from: reading, refunds, complaining, exporting, leaving."""

    OPEN = frozenset({"accounts:me", "account_change_password"})

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_args: object) -> HttpResponse | None:
        match = request.resolver_match
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or match is None:
            return None
        if match.view_name in self.OPEN or ("admin" not in match.app_names and asking.is_open(request, view)):
            return None
        user = request.user
        return redirect("account_inactive") if user.is_authenticated and not user.is_active else None


class ClosingMembersMiddleware:
    """Lead a member who is leaving to the one page that is left to them; whatever else they ask for, signed in."""

    OPEN = frozenset(
        {
            "accounts:close",
            "accounts:closing",
            "accounts:send_proof_code",
            "accounts:withdraw_closure",
            "accounts:delete_now",
            "accounts:closed",
            "accounts:not_me",
            "account_logout",
            "consent:document",
            "consent:document_version",
            "healthz",
            "readyz",
        }
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        match = request.resolver_match
        # Without the cookie nobody is signed in, and asking would mark a public page as one that looked at its visitor.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or (match and match.view_name in self.OPEN):
            return None
        user = request.user
        return redirect("accounts:closing") if user.is_authenticated and user.is_closing else None
