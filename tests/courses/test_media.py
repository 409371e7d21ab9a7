"""Files of lessons: only for whom the page around them is, whole or in ranges, and clean when they are stored."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from PIL import Image

from courses import pictures
from courses.models import Media
from tests.factories import (
    make_course,
    make_enrollment,
    make_lesson,
    make_picture,
    make_video,
    picture_file,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]
FILM = b"\0\0\0\x20ftypisom" + bytes(n % 251 for n in range(200_000))


@pytest.fixture
def film():
    return make_video(lesson=make_lesson(course=make_course(slug="c"), is_free=True), name="film", content=FILM)


URL = "/courses/c/lessons/1/files/film/"


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


# ── Ranges ──


def test_the_whole_file_says_that_ranges_are_welcome(client, film):
    response = client.get(URL)
    assert response.status_code == 200
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Length"] == str(len(FILM))
    assert body(response) == FILM


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100000-100099", 100_000, 100_100),
        ("bytes=199000-", 199_000, len(FILM)),
        ("bytes=0-999999999", 0, len(FILM)),
        ("bytes=-100", len(FILM) - 100, len(FILM)),
        ("bytes=-999999999", 0, len(FILM)),
        (f"bytes={len(FILM) - 1}-", len(FILM) - 1, len(FILM)),
    ],
)
def test_a_part_is_exactly_that_part(client, film, asked, start, stop):
    response = client.get(URL, HTTP_RANGE=asked)
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(FILM)}"
    assert response.headers["Content-Length"] == str(stop - start)
    assert body(response) == FILM[start:stop]


@pytest.mark.parametrize("asked", [f"bytes={len(FILM)}-", "bytes=999999999-", "bytes=-0"])
def test_a_part_behind_the_end_is_refused_with_the_size(client, film, asked):
    response = client.get(URL, HTTP_RANGE=asked)
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(FILM)}"
    assert body(response) == b""


@pytest.mark.parametrize(
    "asked", ["bytes=", "bytes=-", "bytes=9-5", "bytes=a-b", "chunks=0-5", "bytes=0-1,5-9", "bytes=" + "9" * 5000 + "-"]
)
def test_what_is_no_single_range_is_answered_with_the_whole(client, film, asked):
    response = client.get(URL, HTTP_RANGE=asked)
    assert response.status_code == 200
    assert body(response) == FILM


def test_an_open_end_is_answered_in_pieces_so_that_no_paused_player_holds_a_thread(client, film, monkeypatch):
    monkeypatch.setattr("consent.files.LONGEST_OPEN_RANGE", 1000)
    response = client.get(URL, HTTP_RANGE="bytes=500-")
    assert response.headers["Content-Range"] == f"bytes 500-1499/{len(FILM)}"
    assert body(response) == FILM[500:1500]


def test_asking_for_the_head_sends_no_body(client, film):
    response = client.head(URL, HTTP_RANGE="bytes=0-99")
    assert response.status_code == 200
    assert response.headers["Content-Length"] == str(len(FILM))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert body(response) == b""


def test_what_the_browser_has_already_is_not_sent_again(client, film):
    first = client.get(URL)
    body(first)
    for header, name in (("ETag", "HTTP_IF_NONE_MATCH"), ("Last-Modified", "HTTP_IF_MODIFIED_SINCE")):
        response = client.get(URL, **{name: first.headers[header]})
        assert response.status_code == 304
        assert response.headers["ETag"] == first.headers["ETag"]


def test_a_part_is_only_added_to_a_first_part_of_the_same_file(client, film):
    first = client.get(URL)
    body(first)
    for known, status in (
        (first.headers["ETag"], 206),
        (first.headers["Last-Modified"], 206),
        ('"another"', 200),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("nonsense", 200),
    ):
        response = client.get(URL, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=known)
        assert response.status_code == status, known
        body(response)


def test_in_production_the_front_server_sends_the_bytes(client, film, settings):
    settings.MEDIA_ACCEL_PREFIX = "/protected/"
    response = client.get(URL)
    assert response.headers["X-Accel-Redirect"] == f"/protected/{film.file.name}"
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert body(response) == b""


def test_a_file_that_is_gone_is_not_found(client, film):
    film.file.storage.delete(film.file.name)
    assert client.get(URL).status_code == 404


def test_a_part_that_was_never_there_is_not_found(client, film):
    assert client.get(URL + "captions/").status_code == 404
    assert client.get(URL + "poster/").status_code == 404


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..%2f..%2fsettings.py", "%00", "film%00", "film/../film"])
def test_no_name_leads_out_of_the_store(client, film, name):
    assert client.get(f"/courses/c/lessons/1/files/{name}/").status_code in (404, 400)


# ── Who may ──


def everything(lesson) -> list[str]:
    home = lesson.get_absolute_url()
    parts = ("", "poster/", "captions/", "blurred/")
    return [f"{home}files/{media.name}/{part}" for media in lesson.media.all() for part in parts]


@pytest.fixture
def paid():
    lesson = make_lesson(course=make_course(slug="paid"))
    captions = ContentFile(b"WEBVTT", name="c.vtt")
    make_video(lesson=lesson, poster=picture_file(), captions=captions)
    make_picture(lesson=lesson)
    return lesson


def test_a_stranger_gets_no_file_of_a_paid_lesson(client, paid, alice, bob):
    make_enrollment(member=alice, course=paid.course)
    addresses = everything(paid)
    assert [client.get(url).status_code for url in addresses] == [403] * 8
    client.force_login(bob)
    assert [client.get(url).status_code for url in addresses] == [403] * 8
    client.force_login(alice)
    assert [client.get(url).status_code for url in addresses].count(200) == 6


def test_a_professional_lesson_hands_out_nothing_but_blurs_before_the_warning(client):
    lesson = make_lesson(course=make_course(slug="pro"), is_free=True, is_professional=True)
    make_picture(lesson=lesson, name="scar")
    home = "/courses/pro/lessons/1/files/scar/"
    assert client.get(home).status_code == 403
    blurred = client.get(home + "blurred/")
    assert blurred.status_code == 200
    assert body(blurred) != body_after_the_gate(client, home)


def body_after_the_gate(client, url) -> bytes:
    client.post("/gate/", {"next": "/"})
    response = client.get(url)
    assert response.status_code == 200
    return body(response)


def test_a_professional_picture_is_refused_even_where_its_lesson_is_open(client):
    lesson = make_lesson(course=make_course(slug="mix"), is_free=True)
    make_picture(lesson=lesson, name="scar", is_professional=True)
    make_picture(lesson=lesson, name="chart")
    assert client.get("/courses/mix/lessons/1/files/scar/").status_code == 403
    assert client.get("/courses/mix/lessons/1/files/chart/").status_code == 200
    assert body_after_the_gate(client, "/courses/mix/lessons/1/files/scar/")


def test_nobody_reaches_files_of_a_course_that_is_not_published(client, now):
    lesson = make_lesson(course=make_course(slug="draft", published_at=None), is_free=True)
    make_picture(lesson=lesson, name="chart")
    assert client.get("/courses/draft/lessons/1/files/chart/").status_code == 404


def test_files_are_asked_for_anew_each_time_and_never_kept_for_others(client, film):
    assert client.get(URL).headers["Cache-Control"] == "private, no-cache"
    assert client.get(URL, HTTP_RANGE="bytes=0-9").headers["Cache-Control"] == "private, no-cache"


def test_on_a_tab_of_its_own_a_file_is_kept_by_nothing(client, film):
    answer = client.get(URL, HTTP_SEC_FETCH_DEST="document")
    assert answer.headers["Cache-Control"] == "private, no-store"
    within_a_page = client.get(URL, HTTP_SEC_FETCH_DEST="video")
    assert within_a_page.headers["Cache-Control"] == "private, no-cache"
    for kept_apart in ("Cookie", "Sec-Fetch-Dest"):
        assert kept_apart in within_a_page.headers["Vary"]


def test_no_stored_file_has_an_address_of_its_own(client, film):
    assert client.get(f"/media/{film.file.name}").status_code == 404
    assert client.get(f"/static/{film.file.name}").status_code == 404


def test_a_cover_is_for_everybody_and_for_good(client):
    course = make_course(slug="covered", cover=picture_file())
    response = client.get(course.cover_url)
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert course.cover_url in client.get("/courses/").content.decode()


def test_a_new_cover_has_a_new_address(client):
    course = make_course(cover=picture_file())
    before = course.cover_url
    course.cover = picture_file()
    course.save()
    assert course.cover_url != before
    assert client.get(before).headers["Location"] == course.cover_url


# ── What is stored ──


def stored(media: Media, field: str = "file") -> Image.Image:
    file = getattr(media, field)
    with file.storage.open(file.name) as kept:
        return Image.open(BytesIO(kept.read()))


def test_a_stored_picture_says_nothing_about_where_it_was_taken():
    exif = Image.Exif()
    exif[0x010F] = "CANARY-CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    upload = picture_file(kind="JPEG", exif=exif, comment=b"CANARY<script>")
    assert b"CANARY" in upload.read()
    picture = make_picture(lesson=make_lesson(), file=upload)
    with picture.file.storage.open(picture.file.name) as kept:
        assert b"CANARY" not in kept.read()
    assert not stored(picture).getexif()


def test_a_picture_taken_sideways_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = make_picture(lesson=make_lesson(), file=picture_file(size=(640, 360), kind="JPEG", exif=exif))
    assert (picture.width, picture.height) == (360, 640)


def test_a_picture_is_no_wider_than_a_page_needs():
    picture = make_picture(lesson=make_lesson(), file=picture_file(size=(4000, 2000)))
    assert stored(picture).size == (1600, 800) == (picture.width, picture.height)


def test_in_a_blurred_picture_nothing_is_left_to_sharpen():
    picture = make_picture(lesson=make_lesson(), file=picture_file(size=(1200, 800)))
    blurred = stored(picture, "blurred").convert("L")
    assert max(blurred.size) <= 320
    steps = [abs(blurred.getpixel((x, 50)) - blurred.getpixel((x + 1, 50))) for x in range(blurred.width - 1)]
    assert max(steps) < 12


def test_a_stored_name_tells_nothing_and_nobody_guesses_it():
    picture = make_picture(lesson=make_lesson(), name="scar", file=picture_file())
    folder, name = picture.file.name.split("/")
    assert folder == "courses"
    assert len(name) == len("0" * 32 + ".webp")
    assert "scar" not in name


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"\xff\xd8\xff\xe0 no jpeg"],
)
def test_what_is_no_picture_is_refused_by_its_content(content):
    with pytest.raises(ValidationError, match="不是 JPEG"):
        pictures.is_picture(ContentFile(content, name="picture.png"))


def test_a_small_file_that_unpacks_to_a_huge_picture_is_refused_before_it_is_unpacked():
    bomb = BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(ValidationError, match="太大"):
        pictures.is_picture(ContentFile(bomb.getvalue(), name="picture.png"))


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"MZ executable", "film.mp4"), (FILM, "film.html"), (b"", "film.mp4"), (b"\x1aE\xdf", "film.webm")],
)
def test_what_is_no_video_is_refused(content, name):
    media = Media(lesson=make_lesson(), kind="video", name="film", alt="片", file=ContentFile(content, name=name))
    with pytest.raises(ValidationError, match="MP4"):
        media.full_clean()


def test_the_last_change_of_a_file_is_told_in_whole_seconds(client, film):
    response = client.get(URL)
    body(response)
    told = datetime.strptime(response.headers["Last-Modified"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert told <= film.file.storage.get_modified_time(film.file.name)
