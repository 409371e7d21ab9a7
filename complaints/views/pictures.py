"""The pictures of a case, for the member who attached them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from complaints import services
from complaints.models import Case, Picture
from consent.asking import stays_open
from consent.files import respond


@stays_open
@login_required
@require_safe
def picture(request: HttpRequest, number: str, pk: int) -> HttpResponseBase:
    """Hand a member a picture of theirs; anybody else's does not exist."""
    case = _case(request, number)
    return respond(request, get_object_or_404(Picture.objects.of_case(case), pk=pk).file)


@stays_open
@login_required
@require_POST
def remove_picture(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Delete a picture of theirs, at once and for good."""
    case = _case(request, number)
    services.remove_picture(case=case, picture_id=pk)
    messages.success(request, "图片已删除。")
    return redirect("complaints:my_case", number=case.number)


def _case(request: HttpRequest, number: str) -> Case:
    return get_object_or_404(Case.objects.for_member(request.user), number=number)
