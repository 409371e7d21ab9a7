"""Finding courses and reading lessons."""

import re
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from consent import gate
from courses import services, titles
from courses.models import Course, Enrollment, Lesson, Order
from courses.remembered import CATALOGUE, remembered

PAGE_SIZE = 12
SUGGESTED = 3
PLACE = re.compile(r"(\d{1,9})-(\d{1,18})", re.ASCII)
OUTLINE = ("number", "title", "minutes", "is_free", "is_professional")


@transaction.non_atomic_requests
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """List the courses, or those whose titles hold the words typed; the words are kept nowhere."""
    typed, after = request.GET.get("q", "")[: titles.LONGEST].strip(), request.GET.get("after", "")
    asked = typed or after
    results = _results(typed, after) if asked else remembered(CATALOGUE, lambda: _results("", ""))
    return render(request, "courses/catalogue.html", {"q": typed, "results": results})


def _results(typed: str, after: str) -> SafeString:
    words, behind = titles.words(typed), PLACE.fullmatch(after)
    courses = Course.objects.published().search(words)
    if behind:
        courses = courses.after(position=int(behind[1]), pk=int(behind[2]))
    found = services.cards(courses[: PAGE_SIZE + 1], words=words)
    shown = found[:PAGE_SIZE]
    context = {
        "q": typed,
        "courses": shown,
        "suggested": [] if shown else services.cards(Course.objects.published()[:SUGGESTED]),
        "first_page": f"?{urlencode({'q': typed})}" if behind else "",
        "next_page": f"?{urlencode({'q': typed, 'after': shown[-1].place})}" if len(found) > PAGE_SIZE else "",
    }
    return render_to_string("courses/_results.html", context)


@transaction.non_atomic_requests
@require_safe
def course(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what a course teaches, to whom, and what it costs."""
    shown = get_object_or_404(
        Course.objects.published().only("slug", "title", "summary", "cover", "updated_at"), slug=slug
    )
    enrolled = Enrollment.objects.live().of(request.user).filter(course=shown).exists()
    version = f"{shown.pk}.{shown.updated_at.timestamp()}.{enrolled}"
    page = remembered(f"course.{version}", lambda: _course_page(shown.pk, enrolled=enrolled))
    return render(request, "courses/course.html", {"course": shown, "page": page})


def _course_page(pk: int, *, enrolled: bool) -> SafeString:
    shown = Course.objects.get(pk=pk)
    outline = list(shown.lessons.order_by("number").values(*OUTLINE))
    context = {
        "course": shown,
        "course_url": shown.get_absolute_url(),
        "outline": outline,
        "minutes": sum(row["minutes"] for row in outline),
        "free": next((row for row in outline if row["is_free"]), None),
        "price": services.price(shown.price_fen),
        "refund_days": Order.REFUND_TIME.days,
        "enrolled": enrolled,
    }
    return render_to_string("courses/_course.html", context)


@require_safe
def lesson(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show one lesson to who may read it, past the warning if it needs one."""
    lessons = Lesson.objects.published().select_related("course")
    shown = get_object_or_404(lessons, course__slug=slug, number=number)
    if not services.may_read(reader=request.user, lesson=shown):
        messages.info(request, f"第 {shown.number} 课要购买课程之后才能学习")
        return redirect(shown.course)
    is_open = not shown.holds_professional or gate.is_open(request)
    if shown.is_professional and not is_open:
        return gate.lead_there(request)
    return render(request, "courses/lesson.html", _lesson_page(shown, is_open=is_open))


def _lesson_page(shown: Lesson, *, is_open: bool) -> dict[str, object]:
    outline = list(shown.course.lessons.order_by("number").values(*OUTLINE))
    here = [row["number"] for row in outline].index(shown.number)
    return {
        "lesson": shown,
        "course": shown.course,
        "course_url": shown.course.get_absolute_url(),
        "html": shown.body_html if is_open else shown.veiled_html,
        "video": shown.media.filter(kind="video").first(),
        "is_open": is_open,
        "outline": outline,
        "previous": outline[here - 1] if here else None,
        "next": outline[here + 1] if here + 1 < len(outline) else None,
    }


@login_required
@require_safe
def my_courses(request: HttpRequest) -> HttpResponse:
    """List what the member may learn."""
    owned = Course.objects.filter(pk__in=Enrollment.objects.live().of(request.user).values("course"))
    return render(request, "courses/my_courses.html", {"courses": services.cards(owned.order_by("position", "pk"))})
