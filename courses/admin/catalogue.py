"""Where editors write courses."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from courses.models import Course, Lesson, Media
from courses.services import price


class LessonInline(admin.TabularInline):
    model = Lesson
    fields = ("number", "title", "minutes", "is_free", "is_professional")
    readonly_fields = fields
    ordering = ("number",)
    extra = 0
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A lesson needs its text: it is written on its own page."""
        return False


class MediaInline(admin.StackedInline):
    model = Media
    fields = ("kind", "name", "alt", "caption", "file", "poster", "captions", "is_professional", "position")
    ordering = ("position", "pk")
    extra = 0


@admin.register(Course)
class CourseAdmin(admin.ModelAdmin):
    list_display = ("title", "level", "price_tag", "position", "published_at")
    list_filter = ("level",)
    search_fields = ("title", "subtitle")
    ordering = ("position", "pk")
    inlines = (LessonInline,)

    @admin.display(description="价格", ordering="price_fen")
    def price_tag(self, course: Course) -> str:
        return f"¥{price(course.price_fen)}"


@admin.register(Lesson)
class LessonAdmin(admin.ModelAdmin):
    list_display = ("title", "course", "number", "minutes", "is_free", "is_professional")
    list_filter = ("course", "is_professional")
    list_select_related = ("course",)
    search_fields = ("title",)
    ordering = ("course", "number")
    inlines = (MediaInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lesson]:
        return super().get_queryset(request).defer("body", "body_html", "veiled_html", "course__body")
