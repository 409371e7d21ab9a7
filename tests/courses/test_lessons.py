"""Reading a lesson: who may, what stands before professional content, and what the text shows."""

import pytest

from consent.models import Acceptance
from tests.factories import make_course, make_enrollment, make_lesson, make_member, make_picture, make_video

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]
SECRET = "只有学员能读的一句话"


@pytest.fixture
def course():
    return make_course(slug="pph")


def page_of(client, lesson) -> str:
    response = client.get(lesson.get_absolute_url())
    assert response.status_code == 200, response.headers
    return response.content.decode()


# ── Who may ──


def test_a_free_lesson_is_for_everybody(client, course):
    assert SECRET in page_of(client, make_lesson(course=course, body=SECRET, is_free=True))


@pytest.mark.parametrize("who", ["nobody", "bob", "former"])
def test_a_lesson_one_has_not_bought_leads_to_the_course(client, course, alice, bob, who):
    lesson = make_lesson(course=course, body=SECRET)
    make_enrollment(member=alice, course=course)
    make_enrollment(member=bob, course=make_course())
    if who == "bob":
        client.force_login(bob)
    if who == "former":
        former = make_member()
        make_enrollment(member=former, course=course, ended=True)
        client.force_login(former)
    response = client.get("/courses/pph/lessons/1/", follow=True)
    assert response.redirect_chain == [("/courses/pph/", 302)]
    page = response.content.decode()
    assert "第 1 课要购买课程之后才能学习" in page
    assert SECRET not in page
    assert lesson.title in page


def test_a_bought_lesson_is_read(client, course, alice):
    lesson = make_lesson(course=course, body=SECRET)
    make_enrollment(member=alice, course=course)
    client.force_login(alice)
    assert SECRET in page_of(client, lesson)


def test_an_editor_reads_what_is_theirs_to_edit_and_other_staff_does_not(client, course):
    from django.contrib.auth.models import Permission

    lesson = make_lesson(course=course, body=SECRET)
    editor, support = make_member(is_staff=True), make_member(is_staff=True)
    editor.user_permissions.add(Permission.objects.get(codename="change_lesson"))
    client.force_login(editor)
    assert SECRET in page_of(client, lesson)
    client.force_login(support)
    assert client.get(lesson.get_absolute_url()).status_code == 302


@pytest.mark.parametrize("number", [0, 2, 99999, 10**12])
def test_a_lesson_that_is_not_there_is_not_found(client, course, number):
    make_lesson(course=course, is_free=True)
    assert client.get(f"/courses/pph/lessons/{number}/").status_code == 404


# ── The gate ──


def test_professional_content_is_behind_the_warning_and_then_exactly_there(client, course):
    lesson = make_lesson(course=course, body=SECRET, is_free=True, is_professional=True)
    warned = client.get(lesson.get_absolute_url(), follow=True)
    assert warned.redirect_chain == [("/gate/?next=%2Fcourses%2Fpph%2Flessons%2F1%2F", 302)]
    assert SECRET not in warned.content.decode()
    went_on = client.post("/gate/", {"next": warned.context["next"]}, follow=True)
    assert went_on.redirect_chain == [(lesson.get_absolute_url(), 302)]
    assert SECRET in went_on.content.decode()
    assert Acceptance.objects.get().action == "acknowledged"


def test_the_warning_comes_after_the_question_who_may_read(client, course):
    lesson = make_lesson(course=course, is_professional=True)
    assert client.get(lesson.get_absolute_url()).headers["Location"] == "/courses/pph/"


def test_an_ordinary_lesson_asks_nothing(client, course):
    lesson = make_lesson(course=course, is_free=True)
    make_picture(lesson=lesson)
    page = page_of(client, lesson)
    assert "/gate/" not in page
    assert "blurred" not in page


def test_a_professional_picture_in_an_ordinary_lesson_is_blurred_until_the_warning_is_read(client, course):
    lesson = make_lesson(course=course, is_free=True, body="![手术](scar)\n\n![图表](chart)")
    make_picture(lesson=lesson, name="scar", alt="手术瘢痕的照片", is_professional=True)
    make_picture(lesson=lesson, name="chart", alt="图表")
    before = page_of(client, lesson)
    assert 'src="files/scar/blurred/"' in before
    assert 'src="files/scar/"' not in before
    assert "手术瘢痕的照片" not in before
    assert 'src="files/chart/"' in before
    assert "/gate/?next=/courses/pph/lessons/1/" in before
    client.post("/gate/", {"next": "/"})
    after = page_of(client, lesson)
    assert 'src="files/scar/"' in after
    assert "手术瘢痕的照片" in after
    assert "blurred" not in after


def test_a_professional_video_in_an_ordinary_lesson_does_not_play_before_the_warning(client, course):
    lesson = make_lesson(course=course, is_free=True)
    make_video(lesson=lesson, is_professional=True)
    assert "<video" not in page_of(client, lesson)
    client.post("/gate/", {"next": "/"})
    assert "<video" in page_of(client, lesson)


# ── The text ──


def test_pictures_stand_where_the_text_names_them_and_the_rest_at_its_end(client, course):
    lesson = make_lesson(course=course, is_free=True, body="前\n\n![a](one)\n\n后 ![b](two) 末\n\n![没有](gone)")
    make_picture(lesson=lesson, name="three", alt="第三张", caption="图注三")
    make_picture(lesson=lesson, name="two", alt="第二张")
    make_picture(lesson=lesson, name="one", alt="第一张", caption="图注一")
    lesson.refresh_from_db()
    html = lesson.body_html
    assert html.index("前") < html.index("第一张") < html.index("图注一") < html.index("第二张") < html.index("第三张")
    assert html.count("<img") == 3
    assert "<p><figure" not in html
    assert 'width="640" height="360"' in html


def test_taking_a_picture_away_takes_it_out_of_the_text(client, course):
    lesson = make_lesson(course=course, is_free=True, body="![a](one)")
    make_picture(lesson=lesson, name="one").delete()
    assert "<img" not in page_of(client, lesson)


def test_a_caption_is_text_and_no_markup(client, course):
    lesson = make_lesson(course=course, is_free=True)
    make_picture(lesson=lesson, alt='"><script>', caption="<b>图</b>")
    page = page_of(client, lesson)
    assert "&lt;b&gt;图&lt;/b&gt;" in page
    assert '"><script>' not in page


def test_a_video_comes_with_controls_poster_and_captions(client, course):
    from django.core.files.base import ContentFile

    from tests.factories import picture_file

    lesson = make_lesson(course=course, is_free=True)
    captions = ContentFile("WEBVTT\n\n00:00.000 --> 00:02.000\n呼救".encode(), name="c.vtt")
    make_video(lesson=lesson, name="film", poster=picture_file(), captions=captions, alt="十分钟的时间轴")
    page = page_of(client, lesson)
    assert "controls" in page
    assert 'poster="files/film/poster/"' in page
    assert '<track kind="captions" src="files/film/captions/" srclang="zh-CN"' in page
    assert '<source src="files/film/" type="video/mp4">' in page


def test_lessons_lead_to_the_one_before_and_the_one_after(client, course):
    for number in (1, 2, 4):
        make_lesson(course=course, number=number, is_free=True)
    pages = {n: client.get(f"/courses/pph/lessons/{n}/").content.decode() for n in (1, 2, 4)}
    assert 'rel="prev"' not in pages[1]
    assert 'rel="prev" href="/courses/pph/lessons/1/"' in pages[2]
    assert 'rel="next" href="/courses/pph/lessons/4/"' in pages[2]
    assert 'rel="next"' not in pages[4]
    assert "回到课程" in pages[4]


@pytest.mark.parametrize("professional", [False, True])
def test_a_lesson_asks_at_most_six_questions(client, alice, course, queries, professional):
    for number in range(1, 21):
        lesson = make_lesson(course=course, number=number, is_professional=professional)
    make_video(lesson=lesson)
    make_enrollment(member=alice, course=course)
    client.force_login(alice)
    client.post("/gate/", {"next": "/"})
    client.get(lesson.get_absolute_url())
    assert queries(lesson.get_absolute_url()) <= 6
