"""A member's answer to a card, wherever the card stands: recorded, said back, and kept by this browser."""

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.formats import date_format

from consent import origin, permissions, services, timeline
from consent.models import Recall
from consent.permissions import Kind

# A card inside a form answers by a button of that form, so that nothing typed is lost: name and value of the button.
BUTTON = "permission"
ALLOW, DECLINE = "allow", "decline"


def allow(request: HttpRequest, kind: str) -> bool:
    """Open a permission on this device, under the sheet that the member had before them; tell whether it was.

    :raises Http404: when there is nothing to agree to
    """
    now, device = timezone.now(), permissions.device_of(request)
    label = _label(kind, now)
    digest = request.POST.get("digest") or request.POST.get(f"digest_{kind}", "")
    try:
        services.open_permission(device=device, kind=kind, digest=digest, origin=origin.of(request), now=now)
    except services.StaleDocument:
        messages.warning(request, f"{label}权限的说明有了新版，请看过以后再决定。刚才的选择没有记录。")
        return False
    permissions.mark_decided(request, device)
    messages.success(request, f"已在这台设备上允许{label}。")
    return True


def decline(request: HttpRequest, kind: str) -> None:
    """Take a no for an answer; where the permission is open meanwhile, the no takes it back.

    :raises Http404: when there is nothing to refuse
    """
    now, device = timezone.now(), permissions.device_of(request)
    label = _label(kind, now)
    closed = services.refuse_permission(device=device, kind=kind, origin=origin.of(request), now=now)
    permissions.mark_decided(request, device)
    if closed:
        messages.success(request, f"已收回{label}。{what_becomes_of_it(closed.recall)}")
        return
    messages.info(request, f"好的，不使用{label}。90 天内不再询问，想用时可以在“权限管理”里打开。")


def in_passing(request: HttpRequest) -> bool:
    """Take the answer to a card inside a form; tell whether it was such a button that sent the form."""
    answer, _, kind = request.POST.get(BUTTON, "").partition(":")
    if answer not in (ALLOW, DECLINE) or not request.user.is_authenticated:
        return False
    (allow if answer == ALLOW else decline)(request, kind)
    return True


def what_becomes_of_it(recall: Recall | None) -> str:
    """Say what taking back does to what was collected."""
    if recall is None:
        return "其他设备上仍然允许，用它收集的内容暂不删除。"
    by = date_format(timezone.localtime(recall.due_at), "n月j日 H:i")
    return f"用它收集的内容将在 {by} 之前删除。"


def _label(kind: str, now: datetime) -> str:
    """Return what a permission is called; without a sheet in force there is nothing to agree to or to refuse."""
    if kind not in Kind.values or kind not in timeline.read().in_force(now):
        raise Http404
    return str(Kind(kind).label)
