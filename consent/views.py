"""Policy pages and the gate."""

from allauth.core.ratelimit import respond_429
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from consent import gate
from consent.limits import ACKNOWLEDGEMENTS
from consent.markdown import contents
from consent.models import Document


@require_safe
def document(request: HttpRequest, kind: str) -> HttpResponse:
    """Show the version in force."""
    current = get_object_or_404(Document.objects.in_force(timezone.now()), kind=kind)
    return _document_page(request, current)


@require_safe
def document_version(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """Show one version, in force or not: old texts stay readable."""
    return _document_page(request, get_object_or_404(Document, kind=kind, version=version))


def _document_page(request: HttpRequest, shown: Document) -> HttpResponse:
    now = timezone.now()
    versions = list(Document.objects.filter(kind=shown.kind).order_by("-effective_at", "-pk").defer("body"))
    in_force = next((version for version in versions if version.effective_at <= now), None)
    html = shown.html
    context = {
        "document": shown,
        "html": html,
        "contents": contents(html),
        "versions": versions,
        "in_force": in_force,
        "is_coming": shown.effective_at > now,
        "now": now,
    }
    return render(request, "consent/document.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def professional_gate(request: HttpRequest) -> HttpResponse:
    """Show the warning; going on leads exactly to where the person was going."""
    target = gate.safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    if gate.is_open(request):
        return redirect(target)
    if request.method == "POST":
        return _go_on(request, target)
    warning = Document.objects.current(Document.Kind.GATE, timezone.now())
    back = gate.way_back(request, target)
    return render(request, "consent/gate.html", {"document": warning, "next": target, "back": back})


def _go_on(request: HttpRequest, target: str) -> HttpResponse:
    """Write down that the warning was read; not without end for whoever throws the cookie away each time."""
    if ACKNOWLEDGEMENTS.is_reached(request):
        return respond_429(request)
    ACKNOWLEDGEMENTS.count(request)
    response = redirect(target)
    gate.open_gate(request, response)
    return response
