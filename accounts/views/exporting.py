"""A member takes their information along."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.forms.proof import ProofForm
from accounts.models import Export
from accounts.models.export import KEPT, MOST_A_DAY
from consent.asking import stays_open
from consent.files import respond

ACT = "export"
UNDER_WAY = "已经有一份正在准备，不需要再申请"


@stays_open
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest) -> HttpResponse:
    """Show the exports of the last seven days; begin another once it is proven who asks."""
    member: Any = request.user
    form = ProofForm(request.POST if request.method == "POST" else None, request=request, act=ACT)
    if form.is_valid() and _has_begun(request, form):
        return redirect("accounts:export")
    now = timezone.now()
    exports = list(Export.objects.of_member(member).current(now).order_by("-requested_at", "-pk"))
    under_way = next((one for one in exports if one.is_under_way), None)
    shown = {"form": form, "exports": exports, "under_way": under_way, "days": KEPT.days, "most": MOST_A_DAY}
    return render(request, "accounts/export.html", shown)


def _has_begun(request: HttpRequest, form: ProofForm) -> bool:
    """Ask for an export; say beside the form why it cannot be."""
    member: Any = request.user
    try:
        services.request_export(member=member, now=timezone.now())
    except services.AlreadyExporting:
        messages.info(request, UNDER_WAY)
    except services.TooManyExports as enough:
        form.add_error(None, _too_many(enough))
        return False
    return True


def _too_many(enough: services.TooManyExports) -> str:
    again = timezone.localtime(enough.again_at)
    return f"24 小时之内最多 {MOST_A_DAY} 份，{again:%m 月 %d 日 %H:%M} 以后可以再申请"


@stays_open
@login_required
@require_safe
def export_state(request: HttpRequest, token: UUID) -> HttpResponse:
    """Tell the page how far an export has come."""
    mine = _mine(request, token)
    return JsonResponse({"state": mine.state, "done": mine.done, "total": mine.total})


@stays_open
@login_required
@require_POST
def retry_export(request: HttpRequest, token: UUID) -> HttpResponse:
    """Try once more what failed."""
    member: Any = request.user
    try:
        services.retry_export(member=member, token=_mine(request, token).token, now=timezone.now())
    except services.AlreadyExporting:
        messages.info(request, UNDER_WAY)
    except services.TooManyExports as enough:
        messages.error(request, _too_many(enough))
    return redirect("accounts:export")


@stays_open
@login_required
@require_safe
def download_export(request: HttpRequest, token: UUID) -> HttpResponseBase:
    """Hand the archive to its owner, for seven days."""
    member: Any = request.user
    ready = get_object_or_404(Export.objects.of_member(member).ready(timezone.now()), token=token)
    response = respond(request, ready.file)
    day = timezone.localdate(ready.requested_at)
    response["Content-Disposition"] = f'attachment; filename="fuchanke-{day:%Y%m%d}.zip"'
    return response


def _mine(request: HttpRequest, token: UUID) -> Export:
    member: Any = request.user
    return get_object_or_404(Export.objects.of_member(member), token=token)
