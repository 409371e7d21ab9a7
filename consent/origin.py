"""Read from a request what is kept beside an acceptance."""

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from consent.services import Origin


def of(request: HttpRequest) -> Origin:
    """Tell from where a request came; a client that hides its address leaves none."""
    try:
        ip = get_adapter(request).get_client_ip(request)
    except PermissionDenied:
        ip = None
    return Origin(ip=ip, browser=request.META.get("HTTP_USER_AGENT", ""))
