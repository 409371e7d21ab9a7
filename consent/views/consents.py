"""我的同意: everything a member said about texts, each with its exact text, its date and a way back."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from consent import origin
from consent.asking import stays_open
from consent.models import Acceptance, Document, Permission
from consent.withdrawal import take_back

PER_PAGE = 30


@stays_open
@login_required
@require_safe
def consents(request: HttpRequest) -> HttpResponse:
    """Show what stands, and below it everything that was ever said."""
    member: Any = request.user
    mine = Acceptance.objects.for_member(member)
    said = mine.select_related("document", "evidence").defer("document__body", "document__manifest")
    standing = list(said.standing(Document.Kind.values).exclude(kind=Document.Kind.GATE))
    given = {word.kind for word in mine.words_on(Document.Kind.values) if word.action == Acceptance.Action.GIVEN}
    given |= {kind for opened in member.open_permissions.values() for kind in opened}
    page = Paginator(said.newest_first(), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "consent/consents.html", {"standing": [_row(one, given) for one in standing], "page": page})


def _row(said: Acceptance, given: set[str]) -> dict[str, Any]:
    """Tell of a kind what was said last, and whether a consent stands: a no to a newer version takes none back."""
    return {
        "said": said,
        "is_given": said.kind in given,
        "is_binding": said.kind in Document.BINDING,
        "is_permission": said.kind in Permission.Kind.values,
    }


@stays_open
@login_required
@require_POST
def withdraw(request: HttpRequest, kind: str) -> HttpResponse:
    """Take back the consent of one kind, as easily as it was given (PIPL 15); what rested on it ends."""
    if kind not in Document.Kind.values or kind in (*Document.BINDING, Document.Kind.GATE):
        raise Http404
    if take_back(member=request.user, kind=kind, origin=origin.of(request), now=timezone.now()):
        messages.success(request, "已撤回。撤回之前依您的同意所做的处理仍然有效。")
    return redirect("consent:consents")
