"""Duties to delete what was collected with a permission that was taken back: whose, nobody needs to know."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from consent.admin.base import UnguessableAdmin
from consent.models import Recall


@admin.register(Recall)
class RecallAdmin(UnguessableAdmin):
    """Shows how far each has come; the clock does them, and tries again by itself."""

    looked_at_for = "核查收回权限后的删除"
    fields = ["kind", "asked_at", "due_at", "done_at", "rows", "attempts", "next_attempt_at"]
    list_display = ["pk", "kind", "asked_at", "due_at", "done_at", "rows", "attempts", "next_attempt_at"]
    list_filter = ["kind", ("done_at", admin.EmptyFieldListFilter)]
    ordering = ["-asked_at", "-pk"]
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
