"""Who has looked at a member's data, and whom it was given to."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Disclosure, Look
from consent.asking import stays_open

PER_PAGE = 50


@stays_open
@login_required
@require_safe
def looks(request: HttpRequest) -> HttpResponse:
    """Show who of the staff opened a member's data, by role: when, what and why."""
    member: Any = request.user
    mine = Look.objects.of_member(member).order_by("-at", "-pk")
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/looks.html", {"page": page})


@stays_open
@login_required
@require_safe
def disclosures(request: HttpRequest) -> HttpResponse:
    """Show what was told to others about a member: to whom, what, why and on which ground."""
    member: Any = request.user
    mine = Disclosure.objects.of_member(member).approved().order_by("-at", "-pk")
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/disclosures.html", {"page": page})
