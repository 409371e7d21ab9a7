"""What has a term, and whether it is deleted when the term is over: to be read, not to be changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import services
from accounts.admin.overview import Cell, cells
from accounts.models import RetentionRun
from accounts.services.retention import Kind


@dataclass(frozen=True)
class Line:
    """One kind: what the last run did to it, and what is over its term at this moment."""

    kind: Kind
    deleted: Cell
    overdue: Cell
    oldest: datetime | None
    error: str


def lines(run: RetentionRun | None, *, now: datetime) -> list[Line]:
    """Put what has a term beside what the last run wrote down of it."""
    known = services.kinds()
    told = [run.of(kind.label) if run else {} for kind in known]
    deleted = [one.get("rows", 0) for one in told]
    overdue = [kind.outlived(now).count() for kind in known]
    failed = [bool(one.get("error")) for one in told]
    drawn = zip(
        known,
        cells(deleted, most=max(deleted)),
        cells(overdue, most=max(overdue), urgent=failed),
        told,
        strict=True,
    )
    return [Line(kind, gone, left, _moment(one.get("oldest")), one.get("error", "")) for kind, gone, left, one in drawn]


def _moment(written: str | None) -> datetime | None:
    return parse_datetime(written) if written else None


@admin.register(RetentionRun)
class RetentionRunAdmin(admin.ModelAdmin[RetentionRun]):
    """Shows the last run kind by kind above the list of all runs."""

    change_list_template = "admin/accounts/retentionrun/change_list.html"
    list_display = ["started_at", "ended", "rows", "failures"]
    list_filter = ["failures"]
    ordering = ["-started_at", "-pk"]
    fields = ["started_at", "ended", "failures", "told"]
    readonly_fields = ["ended", "told"]
    show_full_result_count = False

    class Media:
        css = {"all": ["css/desk.css", "css/oversight.css"]}

    @admin.display(description="结束时间", empty_value="没有做完")
    def ended(self, run: RetentionRun) -> datetime | None:
        return run.ended_at

    @admin.display(description="删除条数")
    def rows(self, run: RetentionRun) -> int:
        return run.rows

    @admin.display(description="各类结果")
    def told(self, run: RetentionRun) -> SafeString:
        names = {kind.label: kind.name for kind in services.kinds()}
        said = ((names.get(one["label"], one["label"]), one["rows"], one["error"]) for one in run.kinds)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}：{} 条 {}</li>", said))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        now = timezone.now()
        run = RetentionRun.objects.ended().newest_first().first()
        missed = services.time_without_success(now=now)
        more = {
            "run": run,
            "lines": lines(run, now=now),
            "hours_missed": int(missed / timedelta(hours=1)) if missed else None,
            "longest": int(services.LONGEST_WITHOUT / timedelta(hours=1)),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})
