"""What every request of a member goes through, without a query of its own."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from consent import asking, permissions, services

GetResponse = Callable[[HttpRequest], HttpResponse]


class TermsMiddleware:
    """Lead a member who has not answered a version in force to the question, whatever else they ask for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_args: object) -> HttpResponse | None:
        # Without the cookie nobody is signed in, and asking would mark a public page as one that looked at its visitor.
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        if asking.is_open(request, view):
            return None
        member: Any = request.user
        if not member.is_authenticated or services.owes_nothing(member=member, now=timezone.now()):
            return None
        return asking.ask(request)


class DevicePermissionsMiddleware:
    """Tell the browser with every answer what stays closed on this device, and which device it is."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        permissions.remember(request, response)
        opened = permissions.opened(request)
        if opened:
            return permissions.tell_browser(request, response, opened)
        return response
