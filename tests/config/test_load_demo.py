"""The demo: enough to see everything, loaded once, never in the way of what people changed."""

import time
import tomllib
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import User
from complaints.models import CannedAnswer
from consent.models import Acceptance, Document
from courses.models import Course, Lesson, Media
from courses.services.folders import DEMO

pytestmark = pytest.mark.django_db


@pytest.fixture
def passwords(monkeypatch):
    for who in ("DOCTOR", "SUPPORT", "SUPERUSER"):
        monkeypatch.setenv(f"DEMO_PASSWORD_{who}", f"a-password-for-{who.lower()}")


def load() -> str:
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


def everything() -> list[int]:
    return [model.objects.count() for model in (Course, Lesson, Media, User, Document, Acceptance, CannedAnswer)]


def test_the_demo_is_complete_and_loading_it_again_adds_nothing(client, passwords):
    load()
    loaded = everything()
    assert Course.objects.published().count() == len(list(DEMO.glob("*/course.toml"))) >= 8
    begun = time.perf_counter()
    assert "新增课程 0 门" in load()
    assert time.perf_counter() - begun < 0.5
    assert everything() == loaded
    for course in Course.objects.all():
        free = course.lessons.filter(is_free=True).first()
        assert free is not None, course
        assert client.get(free.get_absolute_url()).status_code == (302 if free.is_professional else 200)
    assert Media.objects.filter(kind="video").exclude(captions="").exists()


def test_the_cast_can_sign_in_and_has_agreed(client, passwords):
    load()
    doctor = User.objects.get(email="doctor@example.com")
    assert doctor.check_password("a-password-for-doctor")
    assert {a.document.kind for a in doctor.acceptances.select_related("document")} == {"agreement", "privacy"}
    support = User.objects.get(email="support@example.com")
    assert support.is_staff
    assert support.has_perm("complaints.answer_case")
    client.force_login(User.objects.get(email="admin@example.com"))
    assert client.get(reverse("admin:index")).status_code == 200


def test_what_an_editor_changed_stays(passwords):
    load()
    Course.objects.filter(slug="postpartum-haemorrhage").update(title="编辑改过的名字")
    load()
    assert Course.objects.get(slug="postpartum-haemorrhage").title == "编辑改过的名字"


def test_without_a_password_nothing_is_loaded(passwords, monkeypatch):
    monkeypatch.delenv("DEMO_PASSWORD_SUPPORT")
    with pytest.raises(CommandError, match="DEMO_PASSWORD_SUPPORT"):
        load()
    assert not Course.objects.exists()


def test_every_picture_that_a_demo_text_names_is_there():
    for file in DEMO.glob("*/course.toml"):
        for lesson in tomllib.loads(file.read_text(encoding="utf-8"))["lessons"]:
            text = (file.parent / lesson["file"]).read_text(encoding="utf-8")
            named = {part.split(")")[0] for part in text.split("](")[1:] if part[:4] not in ("http", "/pol")}
            assert named <= {media["name"] for media in lesson.get("media", ())}, file
