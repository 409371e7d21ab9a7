"""Closures as the staff see them: how far each has come and what holds it up; nothing to decide."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import UnguessableAdmin
from accounts.models import Closure


@admin.register(Closure)
class ClosureAdmin(UnguessableAdmin):
    """Shows states, never members: a closure needs nobody's approval."""

    list_display = ("number", "state", "step", "requested_at", "due_at", "next_attempt_at", "attempts", "error")
    list_filter = ["state", "step", "requested_at"]
    search_fields = ["number"]
    search_help_text = "注销编号"
    ordering = ["-requested_at", "-pk"]
    fields = (
        "number",
        "state",
        "step",
        "requested_at",
        "due_at",
        "next_attempt_at",
        "attempts",
        "error",
        "ended_at",
        "tally",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
