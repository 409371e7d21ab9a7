"""Nothing that is flagged leaves the house before the warning was read: every address is asked, by everybody."""

import re

import pytest
from django.test import Client

from tests.factories import make_course, make_lesson, make_member, make_picture, make_video, picture_file, sign_in
from tests.test_house import addresses, fill

pytestmark = pytest.mark.django_db
SECRET = "手术视野里的动脉"
BOT = {"User-Agent": "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"}


@pytest.fixture
def flagged(documents, settings, tmp_path):
    """A course whose one lesson is professional, and another in which one picture is."""
    settings.DEMO_INBOX_DIR = tmp_path
    course = make_course(slug="flagged", title="产科手术", cover=picture_file())
    whole = make_lesson(course=course, number=1, is_free=True, is_professional=True, body=f"{SECRET}。![图](chart)")
    part = make_lesson(course=course, number=2, is_free=True, body="普通的话。![图](chart)")
    for lesson in (whole, part):
        make_picture(lesson=lesson, name="chart", alt=SECRET, is_professional=True, file=picture_file(size=(500, 300)))
        make_video(lesson=lesson, name="film", alt=SECRET, is_professional=True, poster=picture_file(size=(480, 320)))
    part.save()
    return course


def secrets(course) -> list[bytes]:
    """Read what must not be handed out: the files themselves, whole."""
    media = [one for lesson in course.lessons.all() for one in lesson.media.all()]
    files = [f for one in media for f in (one.file, one.poster) if f]
    found = []
    for file in files:
        with file.open() as opened:
            found.append(opened.read())
    return found


def everything_answered(client: Client, course, **headers) -> list[tuple[str, bytes]]:
    """Ask for every address of the site with what fits, and for whatever those pages point at."""
    fits = [{"slug": course.slug, "number": n, "name": name} for n in (1, 2) for name in ("chart", "film")]
    paths = {fill(route, known) for _name, route in addresses() for known in fits}
    paths |= {"/courses/?q=" + word for word in (SECRET, "产科手术", "图")}
    answers = []
    for path in sorted(paths):
        answers.append((path, body(client.get(path, headers=headers))))
    for link in {link for _path, html in answers for link in pictures_in(html)}:
        answers.append((link, body(client.get(link, headers=headers))))
    return answers


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def pictures_in(html: bytes) -> list[str]:
    """Find what a page shows of itself elsewhere: og:image, posters, pictures."""
    text = html.decode(errors="replace")
    found = re.findall(r'(?:content|src|poster)="(?:http://[^/"]+)?(/courses/[^"]+)"', text)
    return [link.replace("&amp;", "&") for link in found]


@pytest.mark.parametrize("headers", [{}, BOT, {"Accept": "application/json"}], ids=["visitor", "bot", "json"])
def test_a_visitor_is_given_nothing_that_is_flagged(client, flagged, headers):
    for path, content in everything_answered(client, flagged, **headers):
        assert SECRET.encode() not in content or path.endswith(SECRET), path  # a search repeats what was typed
        assert not any(secret == content or secret in content for secret in secrets(flagged)), path


def test_a_member_who_bought_is_given_nothing_either_before_the_warning(client, flagged):
    sign_in(client, make_member())
    for path, content in everything_answered(client, flagged):
        assert SECRET.encode() not in content or path.endswith(SECRET), path  # a search repeats what was typed
        assert not any(secret in content for secret in secrets(flagged)), path


def test_after_the_warning_all_of_it_is_there(client, flagged):
    client.post("/gate/", {"next": "/"})
    answers = dict(everything_answered(client, flagged))
    assert SECRET.encode() in answers["/courses/flagged/lessons/1/"]
    assert any(secret in answers.values() for secret in secrets(flagged))


def test_a_bot_gets_the_page_with_the_warning_and_not_the_picture(client, flagged):
    answer = client.get("/courses/flagged/lessons/1/", headers=BOT, follow=True)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "<h1>专业内容提示</h1>" in html
    assert "noindex" in html
    assert client.get("/courses/flagged/lessons/1/files/chart/", headers=BOT).status_code == 403


def test_what_is_shared_of_a_flagged_lesson_is_its_cover_and_no_more(client, flagged):
    html = client.get("/courses/flagged/lessons/2/").content.decode()
    images = re.findall(r'property="og:image" content="([^"]+)"', html)
    assert [image.endswith(flagged.cover_url) for image in images] == [True]
    assert images[0].startswith("http")
