"""Read from a request where it came from: what is kept beside an acceptance, and of a visit."""

from ipaddress import ip_address

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from consent.services import Origin


def of(request: HttpRequest) -> Origin:
    """Tell from where a request came; a client that hides its address leaves none."""
    return Origin(ip=address_of(request), browser=request.META.get("HTTP_USER_AGENT", ""))


def address_of(request: HttpRequest) -> str | None:
    """Return the client's address by allauth's rule.

    Every page of a member asks. allauth looks up twenty settings for it: it is left what is not plainly an address.
    """
    try:
        address = ip_address(_said(request))
    except ValueError:
        return _by_allauth(request)
    return None if getattr(address, "scope_id", None) else str(address)


def _said(request: HttpRequest) -> str:
    hops: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    if not hops:
        return str(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return forwarded[-hops].strip() if len(forwarded) >= hops else ""


def _by_allauth(request: HttpRequest) -> str | None:
    try:
        return get_adapter(request).get_client_ip(request)
    except PermissionDenied:
        return None
