"""The front door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from courses import services
from courses.models import Course

SHOWN = 6


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this place is, and show a few courses."""
    return render(request, "home.html", {"courses": services.cards(Course.objects.published()[:SHOWN])})
