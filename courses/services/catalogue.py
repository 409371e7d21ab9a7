"""The catalogue as pages show it, and courses that come from a folder of texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from courses import titles
from courses.models import Course, Enrollment, Lesson
from courses.models.catalogue import cover_url

COLUMNS = (
    "pk", "slug", "title", "subtitle", "summary", "level", "price_fen", "cover", "position", "lesson_count", "minutes"
)  # fmt: skip
LEVELS = dict(Course.Level.choices)


@dataclass(frozen=True, slots=True)
class Card:
    """What a list shows of one course, ready to print: a template asks nothing further for it."""

    url: str
    cover: str
    title: str
    subtitle: str
    summary: str
    level: str
    price: str
    lesson_count: int
    minutes: int
    place: str


def cards(courses: Any, *, words: Iterable[str] = ()) -> list[Card]:
    """Turn courses into cards with one query, the words found marked in their titles."""
    found, home = list(words), reverse("courses:catalogue")
    rows = courses.with_sizes().values_list(*COLUMNS, named=True)
    return [_card(row, url=f"{home}{row.slug}/", words=found) for row in rows]


def _card(row: Any, *, url: str, words: list[str]) -> Card:
    return Card(
        url=url,
        cover=cover_url(url, row.cover),
        title=titles.highlight(row.title, words),
        subtitle=titles.highlight(row.subtitle, words),
        summary=row.summary,
        level=LEVELS[row.level],
        price=price(row.price_fen),
        lesson_count=row.lesson_count,
        minutes=row.minutes,
        place=f"{row.position}-{row.pk}",
    )


def may_read(*, reader: Any, lesson: Lesson) -> bool:
    """Tell whether a person may read a lesson: it is free, they are enrolled, or it is their work to edit it."""
    if lesson.is_free or not reader.is_authenticated:
        return lesson.is_free
    if Enrollment.objects.live().filter(member=reader, course=lesson.course_id).exists():
        return True
    return bool(reader.is_staff and reader.has_perm("courses.change_lesson"))


def price(fen: int) -> str:
    """Write an amount as a price tag does: 199, or 199.50."""
    return f"{fen // 100}.{fen % 100:02}" if fen % 100 else str(fen // 100)
