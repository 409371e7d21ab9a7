"""What a member says about themselves, and the page that others see of it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts import services
from accounts.forms import ProfileForm
from accounts.models import Audience, Avatar, Profile, User
from consent import origin
from consent.services import StaleDocument


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Let a member say who they are, correct it or take it back, and choose who sees what."""
    member: Any = request.user
    form = ProfileForm(
        request.POST if request.method == "POST" else None,
        profile=services.profile_of(member=member),
        name_is_agreed=services.may_publish_name(member=member),
    )
    if form.is_valid() and _is_saved(request, form):
        messages.success(request, "已保存")
        return redirect("accounts:profile")
    context = {"form": form, "profile": form.profile, "avatar": services.avatar_of(member=member)}
    return render(request, "accounts/profile.html", context)


def _is_saved(request: HttpRequest, form: ProfileForm) -> bool:
    """Save what is valid; whatever changed between the page and its answer is said beside the field."""
    member: Any = request.user
    try:
        services.save_profile(
            member=member,
            values=form.values,
            audience=form.audience,
            documents=form.accepted_documents,
            origin=origin.of(request),
            now=timezone.now(),
        )
    except (services.NameNeedsConsent, StaleDocument):
        form.add_error("audience_name", "公开姓名的同意刚刚有变动，请重新选择")
        return False
    return True


@require_safe
def doctor(request: HttpRequest, whose: str) -> HttpResponse:
    """Show what a member has made public, and to members what is for members; nothing else exists."""
    found = get_object_or_404(Profile.objects.select_related("member"), slug=whose, member__in=seen())
    is_own = request.user == found.member
    eyes = audiences(request, is_own=is_own)
    shown = found.shown_to(eyes)
    shows_avatar = Avatar.objects.filter(member=found.member, audience__in=eyes).exists()
    if not (shown or shows_avatar):
        raise Http404
    name, introduction = shown.pop("name", ""), shown.pop("introduction", "")
    context = {
        "name": name,
        "introduction": introduction,
        "avatar_url": reverse("accounts:avatar", args=[whose]) if shows_avatar else "",
        "facts": [(Profile.field_of(field).verbose_name, value) for field, value in shown.items()],
        "is_own": is_own,
        "is_public": bool(found.shown_to({Audience.EVERYBODY})),
    }
    return render(request, "accounts/doctor.html", context)


def seen() -> Any:
    """Keep members who are here: of who is leaving or locked out nothing is shown."""
    return User.objects.filter(closing_at=None, is_active=True)


def audiences(request: HttpRequest, *, is_own: bool) -> set[Audience]:
    """Tell whose eyes the page is for; members see their own as the chosen audience does."""
    if request.user.is_authenticated and not (is_own and request.GET.get("as") == Audience.EVERYBODY):
        return {Audience.MEMBERS, Audience.EVERYBODY}
    return {Audience.EVERYBODY}
