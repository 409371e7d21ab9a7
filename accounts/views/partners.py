"""What partners have given us about a member, with its source."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import services
from accounts.models import PartnerRecord
from consent.asking import stays_open


@stays_open
@login_required
@require_safe
def partners(request: HttpRequest) -> HttpResponse:
    """Show each record: who gave it, on what ground, when, and what it says."""
    member: Any = request.user
    records = PartnerRecord.objects.filter(member=member).order_by("-received_at", "-pk")
    return render(request, "accounts/partners.html", {"records": records})


@stays_open
@login_required
@require_POST
def forget_partner_record(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one of them, at once and for good."""
    member: Any = request.user
    if not services.forget_partner_record(member=member, record_id=pk):
        raise Http404
    messages.success(request, "已删除")
    return redirect("accounts:partners")
