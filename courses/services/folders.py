"""Courses that come as a folder: `course.toml`, and the texts, pictures and videos that it names."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from courses.models import Course, Lesson, Media

DEMO = Path(__file__).resolve().parent.parent / "demo"
COURSE = ("slug", "title", "subtitle", "summary", "audience", "level", "price_fen", "position", "body")
LESSON = ("number", "title", "minutes")
MEDIA = ("kind", "name", "alt", "caption")


def add_demo_courses(*, now: datetime) -> list[Course]:
    """Publish the courses shipped with the portal that the catalogue does not have; those it has stay as they are."""
    known = set(Course.objects.values_list("slug", flat=True))
    folders = [path.parent for path in sorted(DEMO.glob("*/course.toml")) if path.parent.name not in known]
    return [add_course(folder=folder, now=now) for folder in folders]


@transaction.atomic
def add_course(*, folder: Path, now: datetime) -> Course:
    """Publish what a folder describes.

    :raises django.core.exceptions.ValidationError: when a field or a file is not what it should be
    """
    said = tomllib.loads((folder / "course.toml").read_text(encoding="utf-8"))
    course = Course(**_fields(said, COURSE), cover=_file(folder, said["cover"]), published_at=now)
    course.full_clean()
    course.save()
    for told in said["lessons"]:
        _add_lesson(course, told, folder)
    return course


def _add_lesson(course: Course, said: Mapping[str, Any], folder: Path) -> None:
    lesson = Lesson(
        course=course,
        body=(folder / said["file"]).read_text(encoding="utf-8"),
        is_professional=said["professional"],
        is_free=said["free"],
        **_fields(said, LESSON),
    )
    lesson.full_clean()
    lesson.save()
    for position, told in enumerate(said.get("media", ())):
        files = {name: _file(folder, told[name]) for name in ("file", "poster", "captions") if name in told}
        is_professional = told["professional"]
        media = Media(
            lesson=lesson, position=position, is_professional=is_professional, **files, **_fields(told, MEDIA)
        )
        media.full_clean()
        media.save()


def _fields(said: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: said[name] for name in names}


def _file(folder: Path, name: str) -> "ContentFile[bytes]":
    return ContentFile((folder / name).read_bytes(), name=name)
