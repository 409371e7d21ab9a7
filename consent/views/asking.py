"""The question that a new version asks, and the ways on from it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from consent import announcements, asking, gate, origin, services
from consent.asking import stays_open
from consent.forms import AnswerForm
from consent.withdrawal import take_back


@stays_open
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest) -> HttpResponse:
    """Ask about every version that a member has not answered, all on one page."""
    return accept_page(request, kept=request.POST.get("kept", ""))


def accept_page(request: HttpRequest, *, kept: str, status: int = 200) -> HttpResponse:
    """Show the question, or take the answer; `kept` is a form that waits for it."""
    target = _target(request)
    owed = services.owed(member=request.user, now=timezone.now())
    if not owed:
        return _go_on(request, kept, target)
    answers = request.method == "POST" and status == 200
    form = AnswerForm(request.POST if answers else None, owed=owed)
    if form.is_valid():
        _write_down(request, form)
        return _go_on(request, kept, target)
    return render(request, "consent/accept.html", _question(request, owed, form, kept, target), status=status)


def _question(
    request: HttpRequest, owed: list[services.Owed], form: AnswerForm, kept: str, target: str
) -> dict[str, Any]:
    now = timezone.now()
    return {
        "owed": owed,
        "form": form,
        "texts": [(one, form[f"accept_{one.version.kind}"]) for one in owed],
        "kept": kept,
        "next": target,
        # Who said no is told what that means, and not asked again for 90 days unless they ask for it.
        "is_refused": all(one.is_refused(now) for one in owed) and "again" not in request.GET and not form.is_bound,
        "may_put_off": all(now < one.last_day_to_put_off for one in owed),
        "last_day": min(one.last_day_to_put_off for one in owed),
    }


@transaction.atomic
def _write_down(request: HttpRequest, form: AnswerForm) -> None:
    member, seen_from, now = request.user, origin.of(request), timezone.now()
    services.accept(member=member, documents=form.accepted_documents, origin=seen_from, now=now)
    for kind in form.refused_kinds:
        take_back(member=member, kind=kind, origin=seen_from, now=now)


def _go_on(request: HttpRequest, kept: str, target: str) -> HttpResponse:
    """Lead to where the member was going; a form that waited is shown once more, to be sent on."""
    waiting = asking.unseal(request, kept) if kept else None
    if waiting:
        return render(request, "consent/resume.html", waiting)
    return redirect(target)


def _target(request: HttpRequest) -> str:
    asked = request.POST.get("next") if request.path == reverse("consent:accept") else None
    target = gate.safe_next(request, asked or request.GET.get("next") or "/")
    return "/" if target.startswith(reverse("consent:accept")) else target


@stays_open
@login_required
@require_POST
def put_off(request: HttpRequest) -> HttpResponse:
    """Leave the question for tomorrow."""
    try:
        services.put_off(member=request.user, now=timezone.now())
    except services.TooLateToPutOff:
        messages.error(request, "新版已经生效满 30 天，请选择同意或不同意")
        return redirect("consent:accept")
    return _go_on(request, request.POST.get("kept", ""), _target_of_form(request))


@stays_open
@login_required
@require_POST
def announcements_seen(request: HttpRequest) -> HttpResponse:
    """Take the notice of coming versions away until there is another one."""
    announcements.remember(request)
    return redirect(_target_of_form(request))


@stays_open
@login_required
@require_POST
def refuse(request: HttpRequest) -> HttpResponse:
    """Take a no for an answer: of what binds, nobody is asked again for 90 days; a separate consent is taken back."""
    owed = services.owed(member=request.user, now=timezone.now())
    _take_no(request, owed)
    if any(one.is_binding for one in owed):
        return redirect("consent:accept")
    return _go_on(request, request.POST.get("kept", ""), _target_of_form(request))


@transaction.atomic
def _take_no(request: HttpRequest, owed: list[services.Owed]) -> None:
    member, seen_from, now = request.user, origin.of(request), timezone.now()
    binding = [one.version.kind for one in owed if one.is_binding]
    services.refuse(member=member, kinds=binding, origin=seen_from, now=now)
    for one in owed:
        if not one.is_binding:
            take_back(member=member, kind=one.version.kind, origin=seen_from, now=now)


def _target_of_form(request: HttpRequest) -> str:
    return gate.safe_next(request, request.POST.get("next", "/"))
