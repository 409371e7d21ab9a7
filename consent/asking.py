"""Asking a member again: where a request is led that must wait for an answer, and what stays open meanwhile."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import ResolverMatch, reverse

View = TypeVar("View", bound=Callable[..., Any])
SALT = "consent.asking"
MOST_KEPT = 64 * 1024  # bytes of a form that is carried along
KEPT_FOR = 24 * 3600  # seconds
# What nobody wants to find in a hidden field.
SECRET = ("password", "code", "csrf", "proof", "login", "token_")
# Pages of other packages that nobody may be kept from: signing out, and proving who one is before closing.
EXITS = frozenset({"account_logout", "account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"})


def stays_open(view: View) -> View:
    """Mark a view that no unanswered text keeps anybody from: reading, exporting, complaining, leaving."""
    view.stays_open = True  # type: ignore[attr-defined]
    return view


def stays_readable(view: View) -> View:
    """Mark a view that can be read all the while, and takes nothing new before the answer."""
    view.stays_readable = True  # type: ignore[attr-defined]
    return view


def is_open(request: HttpRequest, view: Callable[..., Any]) -> bool:
    match = request.resolver_match
    if getattr(view, "stays_open", False) or (match is not None and _is_way_out(match)):
        return True
    return getattr(view, "stays_readable", False) and request.method in ("GET", "HEAD")


def _is_way_out(match: ResolverMatch) -> bool:
    """Staff are asked on the site itself: somebody waits for what they do in admin."""
    return match.view_name in EXITS or "admin" in match.app_names


def ask(request: HttpRequest) -> HttpResponse:
    """Lead to the question; a form that was sent meanwhile is carried along and can be sent on afterwards."""
    if not _is_for_a_reader(request):
        return JsonResponse({"detail": "需要先答复新版协议", "accept": reverse("consent:accept")}, status=428)
    if request.method in ("GET", "HEAD"):
        return redirect(f"{reverse('consent:accept')}?{urlencode({'next': request.get_full_path()})}")
    from consent.views.asking import accept_page

    return accept_page(request, kept=keep(request), status=428)


def _is_for_a_reader(request: HttpRequest) -> bool:
    """Tell a page that a person opens from what a script or a picture asks for (Fetch Metadata, W3C)."""
    destination = request.headers.get("Sec-Fetch-Dest", "document")
    accepted = request.headers.get("Accept", "text/html")
    return destination in ("document", "iframe") and ("text/html" in accepted or "*/*" in accepted)


def keep(request: HttpRequest) -> str:
    """Seal what was typed into a hidden field: it stays in the member's own browser, and only they can send it on."""
    typed = [
        (name, value)
        for name, values in request.POST.lists()
        if not any(word in name.lower() for word in SECRET)
        for value in values
    ]
    kept = {"path": request.get_full_path(), "member": request.user.pk, "typed": typed, "files": len(request.FILES)}
    sealed = signing.dumps(kept, salt=SALT, compress=True)
    return sealed if len(sealed) <= MOST_KEPT else ""


def unseal(request: HttpRequest, sealed: str) -> dict[str, Any] | None:
    """Return what was kept; None when it is not theirs, too old, or was touched."""
    try:
        kept: dict[str, Any] = signing.loads(sealed, salt=SALT, max_age=KEPT_FOR)
    except signing.BadSignature:
        return None
    return kept if kept["member"] == request.user.pk else None
