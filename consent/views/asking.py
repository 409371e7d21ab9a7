"""The question that a new version asks, and the ways on from it."""

from collections.abc import Iterable
from datetime import datetime
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
from consent.models import Permission
from consent.withdrawal import take_back

AGAIN = "again"


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
    form = AnswerForm(request.POST if answers else None, owed=_asked(request, owed))
    if form.is_valid() and _is_written_down(request, form):
        return _go_on(request, kept, target)
    return render(request, "consent/accept.html", _question(request, owed, form, kept, target), status=status)


def _asked(request: HttpRequest, owed: list[services.Owed]) -> list[services.Owed]:
    """Leave out what the member refused lately, unless they want to see it again or nothing else is left."""
    now = timezone.now()
    fresh = [one for one in owed if not one.is_refused(now)]
    return owed if AGAIN in request.GET or not fresh else fresh


def _question(
    request: HttpRequest, owed: list[services.Owed], form: AnswerForm, kept: str, target: str
) -> dict[str, Any]:
    now = timezone.now()
    return {
        "owed": form.owed,
        "refused": [one for one in owed if one not in form.owed],
        "form": form,
        "texts": [(one, form[f"accept_{one.version.kind}"]) for one in form.owed],
        "kept": kept,
        "next": target,
        # Who said no is told what that means, and not asked again for 90 days unless they ask for it.
        "is_refused": all(one.is_refused(now) for one in owed) and AGAIN not in request.GET and not form.is_bound,
        "again": AGAIN in request.GET,
        "may_put_off": all(now < one.last_day_to_put_off for one in owed),
        "last_day": min(one.last_day_to_put_off for one in owed),
    }


def _is_written_down(request: HttpRequest, form: AnswerForm) -> bool:
    try:
        _write_down(request, form)
    except services.StaleDocument as stale:
        form.add_error(None, f"《{stale.document.title}》刚刚有了新版，请看过再决定")
        return False
    return True


@transaction.atomic
def _write_down(request: HttpRequest, form: AnswerForm) -> None:
    member, seen_from, now = request.user, origin.of(request), timezone.now()
    services.hold(member)
    services.accept(member=member, documents=form.accepted_documents, origin=seen_from, now=now)
    _refuse_separate(member, form.refused_kinds, seen_from, now)


def _refuse_separate(member: Any, kinds: Iterable[str], seen_from: services.Origin, now: datetime) -> None:
    """Take consents back whose newer sheet was refused; no card offers them for a while."""
    for kind in kinds:
        take_back(member=member, kind=kind, origin=seen_from, now=now, state=Permission.State.REFUSED)


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
    """Take a no for an answer: of what binds, nobody is asked again for 90 days; a separate consent is taken back.

    It is an answer to what was on the page and to nothing else.
    """
    asked = _take_no(request)
    if asked is None:
        messages.warning(request, "文本刚刚有了新版，请看过再决定。刚才的选择没有记录。")
        return redirect("consent:accept")
    if any(one.is_binding for one in asked):
        return redirect("consent:accept")
    return _go_on(request, request.POST.get("kept", ""), _target_of_form(request))


@transaction.atomic
def _take_no(request: HttpRequest) -> list[services.Owed] | None:
    """Write a no down once; return what it was about, None when the page had shown something else."""
    member, seen_from, now = request.user, origin.of(request), timezone.now()
    services.hold(member)
    asked = _asked(request, services.owed(member=member, now=now))
    if any(request.POST.get(f"seen_{one.version.kind}") != one.version.digest for one in asked):
        return None
    binding = [one.version.kind for one in asked if one.is_binding and not one.is_refused(now)]
    if binding:
        services.refuse(member=member, kinds=binding, origin=seen_from, now=now)
    _refuse_separate(member, [one.version.kind for one in asked if not one.is_binding], seen_from, now)
    return asked


def _target_of_form(request: HttpRequest) -> str:
    return gate.safe_next(request, request.POST.get("next", "/"))
