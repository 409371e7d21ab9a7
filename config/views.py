"""The front door."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from courses import services
from courses.models import Course
from courses.remembered import HOME, remembered

SHOWN = 6


@transaction.non_atomic_requests
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this place is, and show a few courses."""
    return render(request, "home.html", {"courses": remembered(HOME, _cards)})


def _cards() -> SafeString:
    shown = services.cards(Course.objects.published()[:SHOWN])
    return render_to_string("courses/_cards.html", {"courses": shown}) if shown else SafeString()
