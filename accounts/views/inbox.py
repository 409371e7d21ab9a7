"""The demo's inbox page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import inbox


@never_cache
@require_safe
def demo_inbox(request: HttpRequest) -> HttpResponse:
    """Show what the demo has sent to anybody; a portal in production has no such page."""
    if not inbox.is_on():
        raise Http404
    return render(request, "accounts/demo_inbox.html", {"letters": inbox.newest()})
