"""Two versions of a text beside each other."""

from collections import Counter

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from consent import services
from consent.asking import stays_open
from consent.clauses import compare
from consent.manifest import Difference, differences
from consent.models import Document


@stays_open
@require_safe
def document_diff(request: HttpRequest, kind: str, older: str, newer: str) -> HttpResponse:
    """Compare two announced versions clause by clause; whichever took effect first counts as the older one."""
    of_kind = Document.objects.announced().filter(kind=kind)
    chosen = list(of_kind.filter(version__in=[older, newer]).order_by("effective_at", "pk"))
    if {document.version for document in chosen} != {older, newer}:
        raise Http404
    if older == newer:
        return redirect(chosen[0])
    before, after = chosen
    clauses = compare(before.body, after.body)
    held = services.held_by(member=request.user) if request.user.is_authenticated else None
    context = {
        "older": before,
        "newer": after,
        "versions": of_kind.newest_first().only("kind", "version", "effective_at"),
        "clauses": clauses,
        "count": Counter(clause.state for clause in clauses),
        "differences": [(one, _concerns(one, held)) for one in differences(before.manifest, after.manifest)],
    }
    return render(request, "consent/diff.html", context)


def _concerns(one: Difference, held: set[str] | None) -> bool | None:
    """Tell whether what a change is about is held of the reader; None when it is about everybody, or nobody asked."""
    return None if held is None or not one.holders else not held.isdisjoint(one.holders)


@stays_open
@require_safe
def choose_diff(request: HttpRequest, kind: str) -> HttpResponse:
    """Lead from the two versions chosen in a form to their comparison."""
    known = Document.objects.announced().filter(kind=kind).values_list("version", flat=True)
    chosen = [request.GET.get("from", ""), request.GET.get("to", "")]
    if not set(chosen) <= set(known):
        raise Http404
    return redirect("consent:document_diff", kind, *chosen)
