"""Leaving: what will become of everything, the door, and the way back while there is one."""

from collections import Counter
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.closing import consequences
from accounts.forms.proof import ProofForm
from accounts.models import Closure, Export, User
from accounts.models.closure import NAME_OF_FILES
from consent import inventory
from consent.asking import stays_open
from consent.expiry import last_ends

ACT = "close"
CLAUSES = "一二三四五前"
TOO_LATE = "不能再撤回"
CONTACTS_CHANGED = "最近 7 天换过手机号或邮箱。为防止别人冒用，现在不能立刻删除，到期会自动删除"


def _member(request: HttpRequest) -> User:
    return cast(User, request.user)


@stays_open
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest) -> HttpResponse:
    """Show what goes and what must stay; close the account once it is proven who asks."""
    if _member(request).is_closing:
        return redirect("accounts:closing")
    form = ProofForm(request.POST if request.method == "POST" else None, request=request, act=ACT)
    if form.is_valid():
        return _say_goodbye(request)
    return render(request, "accounts/close.html", {"form": form, **_what_becomes_of(_member(request))})


def _say_goodbye(request: HttpRequest) -> HttpResponse:
    try:
        closure = services.close_account(member=_member(request), now=timezone.now())
    except services.AlreadyClosing as already:
        closure = already.closure
    logout(request)
    return redirect(closure)


def _what_becomes_of(member: User) -> dict[str, Any]:
    # What a member is not told elsewhere is not told here; it goes all the same.
    tally = Counter({kind.label: rows for kind, rows in inventory.counts(member_id=member.pk)})
    tally[Closure._meta.label] += 1  # this very closing: its number stays as proof
    ends = last_ends(member_ids=[member.pk])[member.pk]
    ends.pop(Closure._meta.label, None)  # its term runs from the end of this very closing
    rows = [(kind, tally[kind.label], ends.get(kind.label)) for kind in inventory.entries() if tally[kind.label]]
    rows.sort(key=lambda row: (CLAUSES.find(row[0].clause[0]), row[0].name))
    return {
        "export": Export.objects.of_member(member).current(timezone.now()).order_by("-requested_at", "-pk").first(),
        "deleted": [row for row in rows if row[0].deletes],
        "kept": [row for row in rows if not row[0].deletes],
        "files": services.files_of(member),
        "name_of_files": NAME_OF_FILES,
        "consequences": consequences(member),
        "days": settings.CLOSURE_COOLING_DAYS,
        "promise": services.PROMISE.days,
        "due_at": timezone.now() + timedelta(days=settings.CLOSURE_COOLING_DAYS),
    }


@stays_open
@login_required
@require_safe
def closing(request: HttpRequest) -> HttpResponse:
    """Show the one page that is left to a member who is leaving."""
    return _closing_page(request, ProofForm(request=request, act=ACT))


def _closing_page(request: HttpRequest, form: ProofForm) -> HttpResponse:
    closure = Closure.objects.live().filter(member=_member(request)).first()
    if closure is None:
        return redirect("accounts:me")
    return render(request, "accounts/closing.html", {"form": form, **_standing(closure)})


def _standing(closure: Closure) -> dict[str, Any]:
    """Tell how a closure stands to what was promised of it."""
    now = timezone.now()
    return {
        "closure": closure,
        "is_due": closure.due_at <= now,
        "last_day": closure.requested_at + services.PROMISE,
        "is_late": services.days_left(closure, now=now) < 0,
    }


@stays_open
@login_required
@require_POST
def withdraw_closure(request: HttpRequest) -> HttpResponse:
    """Take the closing back."""
    try:
        services.withdraw_closure(member=_member(request), now=timezone.now())
    except services.ClosureNotRevocable:
        messages.error(request, TOO_LATE)
        return redirect("accounts:closing")
    messages.success(request, "已撤回注销，账号恢复如前")
    return redirect("accounts:me")


@stays_open
@login_required
@require_POST
def delete_now(request: HttpRequest) -> HttpResponse:
    """Skip the days that are left to change one's mind."""
    form = ProofForm(request.POST, request=request, act=ACT)
    if not form.is_valid():
        return _closing_page(request, form)
    try:
        closure = services.delete_now(member=_member(request), now=timezone.now())
    except services.ClosureNotRevocable:
        return redirect("accounts:closing")
    except services.ContactsJustChanged:
        messages.error(request, CONTACTS_CHANGED)
        return redirect("accounts:closing")
    logout(request)
    return redirect(closure)


@stays_open
@never_cache
@require_safe
def closed(request: HttpRequest, number: str) -> HttpResponse:
    """Tell whoever has the number how far a closure has come; it names nobody."""
    closure = get_object_or_404(Closure, number=number)
    return render(request, "accounts/closed.html", _standing(closure))
