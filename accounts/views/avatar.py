"""A member's picture of themselves: the page where they choose it, and the file as others may see it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.forms.avatar import FIELDS, AvatarForm
from accounts.models import Avatar
from accounts.views.profile import audiences, seen
from consent import permissions
from consent.files import respond
from consent.services import NotPermitted


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def my_avatar(request: HttpRequest) -> HttpResponse:
    """Let a member choose their picture, and who sees it."""
    member: Any = request.user
    form = AvatarForm(
        request.POST or None,
        request.FILES or None,
        avatar=services.avatar_of(member=member),
        takes_pictures=Avatar.Source.PICTURES in permissions.opened(request),
    )
    status = 200
    if reason := permissions.refusal(request, FIELDS):
        form.add_error(None, reason)
        status = 403
    elif form.is_valid() and _is_saved(request, form):
        messages.success(request, "已保存")
        return redirect("accounts:my_avatar")
    context = {"form": form, "avatar": form.avatar, "profile": services.profile_of(member=member)}
    return render(request, "accounts/avatar.html", context, status=status)


def _is_saved(request: HttpRequest, form: AvatarForm) -> bool:
    member: Any = request.user
    picture, audience = form.cleaned_data.get("picture"), form.cleaned_data["audience"]
    if picture is None:
        services.show_avatar_to(member=member, audience=audience)
        return True
    device = permissions.device_of(request)
    try:
        services.save_avatar(device=device, picture=picture, audience=audience, now=timezone.now())
    except NotPermitted:
        form.add_error("picture", "相册权限刚刚被收回，所以没有收下这张图片")
        return False
    return True


@login_required
@require_POST
def remove_avatar(request: HttpRequest) -> HttpResponse:
    """Delete a member's picture, at once and for good."""
    member: Any = request.user
    services.remove_avatar(member=member)
    messages.success(request, "头像已删除")
    return redirect("accounts:my_avatar")


@require_safe
def avatar(request: HttpRequest, whose: str) -> HttpResponseBase:
    """Hand out a member's picture to whom they show it; for anybody else there is none."""
    found = get_object_or_404(Avatar, member__profile__slug=whose, member__in=seen())
    is_own = request.user.pk == found.member_id
    if not is_own and found.audience not in audiences(request, is_own=False):
        raise Http404
    return respond(request, found.file)
