"""The desk: what waits, in the order of its promises, and the page on which a case is answered."""

from django.contrib import admin

from complaints.admin.case import CaseAdmin
from complaints.admin.waiting import waiting
from complaints.models import CannedAnswer, Case


@admin.register(CannedAnswer)
class CannedAnswerAdmin(admin.ModelAdmin):
    list_display = ("title",)
    search_fields = ("title",)
    ordering = ("title",)


admin.site.register(Case, CaseAdmin)

__all__ = ["CannedAnswerAdmin", "waiting"]
