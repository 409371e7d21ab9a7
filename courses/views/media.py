"""Covers, pictures and videos: nobody gets a file that the page around it would not show them."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from consent import gate
from consent.files import FOR_GOOD, respond
from courses import services
from courses.models import Course, Media
from courses.models.catalogue import cover_version


@require_safe
def cover(request: HttpRequest, slug: str, version: str) -> HttpResponseBase:
    """Hand out a cover: covers are for everybody, and a new one has a new address."""
    shown = get_object_or_404(Course.objects.published().only("slug", "cover"), slug=slug)
    if shown.cover and version != cover_version(shown.cover.name):
        return redirect(shown.cover_url)
    return respond(request, shown.cover, cache=FOR_GOOD)


@require_safe
def media(request: HttpRequest, slug: str, number: int, name: str, part: str = "file") -> HttpResponseBase:
    """Hand out a file of a lesson, or refuse: a browser that asks for a picture cannot read a page instead."""
    all_media = Media.objects.published().select_related("lesson__course")
    shown = get_object_or_404(all_media, lesson__course__slug=slug, lesson__number=number, name=name)
    if not services.may_read(reader=request.user, lesson=shown.lesson):
        raise PermissionDenied
    if part != "blurred" and shown.needs_gate and not gate.is_open(request):
        raise gate.GateClosed
    return respond(request, getattr(shown, part))
