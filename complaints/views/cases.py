"""Asking, and reading the answer: with an account, or with a code."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from allauth.core.ratelimit import respond_429
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from complaints import codes, limits, services
from complaints.attaching import FIELDS, TakesPictures
from complaints.forms import GUIDANCE, CaseForm, ClaimCodeForm, SaidForm
from complaints.models import MOST, PROMISE, Case
from consent import deciding, permissions
from consent.asking import stays_open
from consent.limits import Limit
from consent.services import NotPermitted

PER_PAGE = 20
SHOWN_AT_ONCE = 5
LOOKS = {Case.Status.OPEN: "badge--warn", Case.Status.ANSWERED: "badge--ok", Case.Status.CLOSED: "badge--off"}
TAKEN_BACK = "图片所用的权限刚刚被收回，所以没有收下。您写的还在下面，可以只发文字。"
REFUSALS: dict[type[Exception], str] = {
    services.ThreadMovedOn: "刚刚有了新的内容，请看过再发送；您写的还在下面。",
    services.CaseClosed: "这件事已经办结，不能再补充。仍有异议的，可以提出申诉。",
    NotPermitted: TAKEN_BACK,
    services.TooManyPictures: f"一件事最多附 {MOST} 张图片。请先删掉不需要的；您写的还在下面。",
}
F = TypeVar("F", bound=TakesPictures)
form_page = require_http_methods(["GET", "HEAD", "POST"])


def _unlisted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Keep a page whose address is its key out of caches and search engines."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return never_cache(guarded)


@stays_open
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Say what can be asked, what we promise, and where the answers are."""
    return _index(request, ClaimCodeForm())


@stays_open
@require_POST
def look_up(request: HttpRequest) -> HttpResponse:
    """Lead who has a code to its case."""
    form = ClaimCodeForm(request.POST)
    if form.is_valid():
        return redirect("complaints:claimed_case", code=codes.grouped(form.cleaned_data["code"]))
    return _index(request, form)


def _index(request: HttpRequest, form: ClaimCodeForm) -> HttpResponse:
    mine = Case.objects.none()
    if request.user.is_authenticated:
        mine = Case.objects.for_member(request.user).unfinished().newest_first()[:SHOWN_AT_ONCE]
    kinds = [(kind, GUIDANCE[kind].lead) for kind in Case.Kind]
    context = {"form": form, "kinds": kinds, "rows": _rows(mine), "promise": PROMISE.days}
    return render(request, "complaints/index.html", context)


def _rows(cases: Iterable[Case]) -> list[dict[str, Any]]:
    now = timezone.now()
    return [_shown(case, now) for case in cases]


def _shown(case: Case, now: datetime) -> dict[str, Any]:
    """Return a case with how its promise stands today."""
    look = LOOKS[Case.Status(case.status)]
    return {"case": case, "left": case.days_left(now), "used": case.days_used(now), "look": look}


@stays_open
@form_page
def new_case(request: HttpRequest, kind: str) -> HttpResponse:
    """Take down what a person asks; what they typed stays whatever goes wrong."""
    if kind not in Case.Kind.values:
        raise Http404
    chosen = Case.Kind(kind)
    takes_pictures = request.user.is_authenticated and chosen != Case.Kind.IP_NOTICE
    form = _form(request, CaseForm, takes_pictures=takes_pictures, kind=chosen)
    status = 200
    if form.is_bound:
        status = _refused(request, form, limits.NEW_CASES, "提交得太频繁了，请一小时后再试。")
        if status == 200 and form.is_valid() and (opened := _opened(request, form, kind)):
            return _receipt(opened)
        form.ask_again_for_pictures()
    context = {
        "form": form,
        "kind": chosen,
        "lead": GUIDANCE[chosen].lead,
        "promise": PROMISE.days,
        "takes_pictures": takes_pictures,
    }
    return render(request, "complaints/new_case.html", context, status=status)


def _form(request: HttpRequest, form: type[F], *, takes_pictures: bool, **options: Any) -> F:
    """Build the form of a request; the answer to a card in it gives the form back as it was."""
    is_card = takes_pictures and deciding.in_passing(request)
    sources = permissions.opened(request) if takes_pictures else frozenset()
    if is_card:
        return form(initial=request.POST.dict(), sources=sources, **options)
    return form(request.POST or None, request.FILES or None, sources=sources, **options)


def _refused(request: HttpRequest, form: TakesPictures, limit: Limit, words: str) -> int:
    """Return the status of a request that is not let in, with the reason in its form; 200 when it is."""
    if limit.is_reached(request):
        form.add_error(None, f"{words}您写的内容还在下面，可以先复制保存。")
        return 429
    if reason := permissions.refusal(request, FIELDS):
        form.add_error(None, reason)
        return 403
    return 200


def _opened(request: HttpRequest, form: CaseForm, kind: str) -> services.Opened | None:
    limits.NEW_CASES.count(request)
    try:
        return services.open_case(
            kind=kind,
            subject=form.cleaned_data["subject"],
            body=form.cleaned_data["body"],
            contact=form.contact(),
            member=request.user if request.user.is_authenticated else None,
            form_token=form.cleaned_data["form_token"],
            attached=form.attached(request),
            now=timezone.now(),
        )
    except NotPermitted:
        form.add_error(None, TAKEN_BACK)
        return None


def _receipt(opened: services.Opened) -> HttpResponse:
    if opened.claim_code:
        return redirect("complaints:claimed_case", code=opened.claim_code)
    return redirect("complaints:my_case", number=opened.case.number)


@stays_open
@_unlisted
@form_page
def claimed_case(request: HttpRequest, code: str) -> HttpResponse:
    """Show a case to who has its code."""
    if limits.WRONG_CODES.is_reached(request):
        return respond_429(request)
    case = Case.objects.with_claim_code(code).first()
    if case is None:
        limits.WRONG_CODES.count(request)
        return render(request, "complaints/no_such_code.html", status=404)
    return _dialogue(request, case, {"claim_code": codes.grouped(codes.normalise(code))})


@stays_open
@login_required
@require_safe
def my_cases(request: HttpRequest) -> HttpResponse:
    """List what a member asked."""
    cases = Case.objects.for_member(request.user).newest_first()
    page = Paginator(cases, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": _rows(page), "promise": PROMISE.days}
    return render(request, "complaints/my_cases.html", context)


@stays_open
@login_required
@form_page
def my_case(request: HttpRequest, number: str) -> HttpResponse:
    """Show a member one case of theirs; anybody else's does not exist."""
    case = get_object_or_404(Case.objects.for_member(request.user), number=number)
    return _dialogue(request, case, {})


def _dialogue(request: HttpRequest, case: Case, context: dict[str, Any]) -> HttpResponse:
    form = _form(request, SaidForm, takes_pictures=case.takes_pictures)
    status = 200
    if form.is_bound:
        status = _refused(request, form, limits.REPLIES, "回复得太频繁了，请一小时后再试。")
        if status == 200 and form.is_valid() and _said(request, case, form):
            return redirect(request.path)
        form.ask_again_for_pictures()
        case.refresh_from_db()
    shown = {
        **_shown(case, timezone.now()),
        "entries": list(case.entries.prefetch_related("pictures").order_by("pk")),
        "form": form,
        "promise": PROMISE.days,
    }
    return render(request, "complaints/case.html", shown | context, status=status)


def _said(request: HttpRequest, case: Case, form: SaidForm) -> bool:
    """Add the reply; tell in the form why it was not added."""
    limits.REPLIES.count(request)
    said = form.cleaned_data
    try:
        services.reply(
            case_id=case.pk, body=said["body"], seen=said["seen"], attached=form.attached(request), now=timezone.now()
        )
    except services.AlreadySaid:
        return True
    except tuple(REFUSALS) as refusal:
        form.add_error(None, REFUSALS[type(refusal)])
        return False
    messages.success(request, "已发送，我们会尽快答复。")
    return True
