"""Reading: the version in force, every other version, what changed between two."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent.asking import stays_open
from consent.markdown import contents
from consent.models import Document


@stays_open
@require_safe
def document(request: HttpRequest, kind: str) -> HttpResponse:
    """Show the version in force."""
    current = get_object_or_404(Document.objects.in_force(timezone.now()), kind=kind)
    return _document_page(request, current)


@stays_open
@require_safe
def document_version(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """Show one version, in force or not: old texts stay readable."""
    return _document_page(request, get_object_or_404(Document.objects.announced(), kind=kind, version=version))


def _document_page(request: HttpRequest, shown: Document) -> HttpResponse:
    now = timezone.now()
    of_kind = Document.objects.announced().filter(kind=shown.kind)
    versions = list(of_kind.newest_first().defer("body", "manifest", "changes"))
    in_force = next((version for version in versions if version.binds_at(now)), None)
    here = [version.pk for version in versions].index(shown.pk)
    html = shown.html
    context = {
        "document": shown,
        "html": html,
        "contents": contents(html),
        "versions": versions,
        "before": versions[here + 1] if here + 1 < len(versions) else None,
        "in_force": in_force,
        "is_coming": not shown.binds_at(now),
        "now": now,
    }
    return render(request, "consent/document.html", context)
