"""权限管理: what each device of a member may do here, and the way to give it and to take it back."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from consent import deciding, gate, origin, permission_centre, services
from consent import permissions as device_permissions
from consent.asking import stays_open
from consent.deciding import what_becomes_of_it
from consent.models import Permission
from consent.permissions import Kind
from consent.services import Device

SAID = ("denied", "granted")


@stays_open
@login_required
@require_safe
def permissions(request: HttpRequest) -> HttpResponse:
    """Show every permission on this device and the others, what is being deleted, and what was said."""
    return render(request, "consent/permissions.html", permission_centre.page(request))


@stays_open
@login_required
@require_safe
def permissions_mark(request: HttpRequest) -> HttpResponse:
    """Tell a tab that comes back into view whether what it shows still holds."""
    return HttpResponse(permission_centre.mark(request), content_type="text/plain")


@stays_open
@login_required
@require_POST
def allow(request: HttpRequest, kind: str) -> HttpResponse:
    """Open a permission on this device, and lead on; in the centre, to the row that was decided."""
    deciding.allow(request, kind)
    return redirect(_target(request, kind))


@stays_open
@login_required
@require_POST
def decline(request: HttpRequest, kind: str) -> HttpResponse:
    """Take a no to a card for an answer."""
    deciding.decline(request, kind)
    return redirect(_target(request))


@stays_open
@login_required
@require_POST
def take_back(request: HttpRequest, kind: str) -> HttpResponse:
    """Close a permission on this device, or on another one of the same member."""
    if kind not in Kind.values:
        raise Http404
    device = _device(request)
    closed = services.close_permission(device=device, kind=kind, origin=origin.of(request), now=timezone.now())
    if closed:
        messages.success(request, f"已收回{Kind(kind).label}。{what_becomes_of_it(closed.recall)}")
    return redirect(_target(request))


@stays_open
@login_required
@require_POST
def browser_said(request: HttpRequest, kind: str) -> HttpResponse:
    """Take a no in the browser's own settings for a withdrawal; a yes there is no consent to us."""
    said = request.POST.get("state")
    if kind not in device_permissions.FEATURES:
        raise Http404
    if said not in SAID:
        return HttpResponseBadRequest("state")
    if said == "denied" and kind in device_permissions.opened(request):
        device, now = device_permissions.device_of(request), timezone.now()
        closed = services.close_permission(device=device, kind=kind, origin=origin.of(request), now=now)
        if closed:
            messages.warning(
                request,
                f"浏览器关闭了{Kind(kind).label}，我们已按收回处理。{what_becomes_of_it(closed.recall)}"
                "想再用，先在地址栏左侧的网站设置里允许，再到权限管理里打开。",
            )
    return JsonResponse({"open": kind in device_permissions.opened(request)})


def _device(request: HttpRequest) -> Device:
    """Return the device that is meant: this one, or another on which the member decided something.

    :raises Http404: when it is somebody else's, or none at all
    """
    mine = device_permissions.device_of(request)
    if "device" not in request.POST:
        return mine
    try:
        key = UUID(hex=request.POST["device"])
    except ValueError:
        raise Http404 from None
    if not Permission.objects.for_member(mine.member).on_device(key).exists():
        raise Http404
    return Device(mine.member, key)


def _target(request: HttpRequest, kind: str = "") -> str:
    """Return where to go on to; back in the centre, to the row that was just decided."""
    centre = reverse("consent:permissions") + (f"#{kind}" if kind else "")
    wanted = request.POST.get("next")
    return gate.safe_next(request, wanted) if wanted else centre
