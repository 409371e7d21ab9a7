"""The front door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from courses.models import Course


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this place is, and show a few courses."""
    return render(request, "home.html", {"courses": Course.objects.published()[:6]})
