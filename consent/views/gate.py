"""The warning before professional content."""

from allauth.core.ratelimit import respond_429
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from consent import gate
from consent.asking import stays_open
from consent.limits import ACKNOWLEDGEMENTS
from consent.models import Document


@stays_open
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def professional_gate(request: HttpRequest) -> HttpResponse:
    """Show the warning; going on leads exactly to where the person was going."""
    target = gate.safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    if gate.is_open(request):
        return redirect(target)
    if request.method == "POST":
        return _go_on(request, target)
    warning = get_object_or_404(Document.objects.announced(), pk=gate.warning_in_force(timezone.now()).pk)
    back = gate.way_back(request, target)
    return render(request, "consent/gate.html", {"document": warning, "next": target, "back": back})


def _go_on(request: HttpRequest, target: str) -> HttpResponse:
    """Write down that the warning was read; not without end for whoever throws the cookie away each time."""
    if ACKNOWLEDGEMENTS.is_reached(request):
        return respond_429(request)
    ACKNOWLEDGEMENTS.count(request)
    response = redirect(target)
    gate.open_gate(request, response)
    return response
