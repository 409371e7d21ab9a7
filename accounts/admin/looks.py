"""Who of the staff looked at whose data, for whoever answers for personal data."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import UnguessableAdmin
from accounts.models import Look


@admin.register(Look)
class LookAdmin(UnguessableAdmin):
    """Shows the looks; nobody writes, changes or deletes one."""

    looked_at_for = "核查谁看过会员的信息"
    list_display = ["at", "role", "by", "member", "what", "page", "reason"]
    list_display_links = None
    list_filter = ["role", "page"]
    list_select_related = ["by", "member"]
    date_hierarchy = "at"
    ordering = ["-at", "-pk"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
