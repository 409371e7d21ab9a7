"""The list of cases: whose promise ends first stands first."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from complaints.models import REMIND_BEFORE, Case, CaseQuerySet


class QueueFilter(admin.SimpleListFilter):
    """What of the queue is shown; at first, what waits for an answer."""

    title = "队列"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("mine", "待我答复"),
            ("unassigned", "无人经办"),
            ("overdue", "已超期"),
            ("answered", "已答复"),
            ("closed", "已办结"),
            ("all", "全部"),
        ]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        yield {**first, "display": "待答复"}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: Any) -> CaseQuerySet:
        chosen: dict[str | None, CaseQuerySet] = {
            None: queryset.unanswered(),
            "mine": queryset.unanswered().of_staff(request.user),
            "unassigned": queryset.unanswered().unassigned(),
            "overdue": queryset.overdue(timezone.now()),
            "answered": queryset.filter(status=Case.Status.ANSWERED),
            "closed": queryset.filter(status=Case.Status.CLOSED),
        }
        return chosen.get(self.value(), queryset)


def promise_badge(case: Case) -> SafeString:
    """Tell how the promise stands, in words and in colour."""
    if not case.is_waiting:
        return format_html('<span class="promise promise--rests">{}</span>', case.get_status_display())
    left = case.days_left(timezone.now())
    if left < 0:
        return format_html('<span class="promise promise--late">已超期 {} 天</span>', -left)
    look = " promise--soon" if left <= REMIND_BEFORE.days else ""
    return format_html('<span class="promise{}">{}</span>', look, f"还剩 {left} 天" if left else "今天到期")


def staff_name(person: Any) -> str:
    """Name a colleague to colleagues."""
    return person.name or person.email or f"#{person.pk}"
