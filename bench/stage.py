"""A portal of its own for the length of one run: scratch servers, demo data, enough rows to fill every list."""

import http.client
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from bench.entries import People
from bench.server import TOKEN, Server, running
from config import embedded

ROWS = 24
DOCTOR = "doctor@example.com"


@contextmanager
def staged() -> Iterator[tuple[Server, People]]:
    """Bring up everything a measurement needs, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as home:
        for name in ("DATABASE_URL", "REDIS_URL", "CACHE_URL"):
            os.environ.pop(name, None)
        embedded.provide(Path(home), scratch=True)
        os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
        course = _fill()
        form = urlencode(
            {"login": DOCTOR, "password": os.environ["DEMO_PASSWORD_DOCTOR"], "csrfmiddlewaretoken": TOKEN}
        )
        with running() as server:
            session, known = _cookies(server, form)
            yield server, People(cookie=session, known=known, sign_in_form=form, course=course)


def _fill() -> str:
    """Load the demo and enough courses for a full page; return the address of one."""
    import django

    django.setup()
    from django.core.management import call_command

    from courses.models import Course

    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("prepare", verbosity=0)
    sample = Course.objects.published().order_by("pk")[0]
    known = Course.objects.count()
    slug, title = sample.slug, sample.title
    for number in range(known, ROWS):
        sample.pk, sample.slug, sample.title = None, f"{slug}-{number}", f"{title}（{number}）"
        sample.save(force_insert=True)
    return slug


def _cookies(server: Server, form: str) -> tuple[str, ...]:
    """Sign the doctor in; return the session's cookie, and the one by which the browser is known next time."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Cookie": f"csrftoken={TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/account/login/", form, headers)
    answer = connection.getresponse()
    answer.read()
    said = " ".join(answer.headers.get_all("Set-Cookie") or [])
    found = [re.search(pattern, said) for pattern in (r"sessionid=\w+", r"known=[^;]+")]
    if answer.status != 302 or None in found:
        raise SystemExit(f"the doctor cannot sign in: {answer.status}")
    return tuple(one[0] for one in found if one)
