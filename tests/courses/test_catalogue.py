"""Finding a course: what is listed, what is found, and what is remembered of it (nothing)."""

import logging
import time
from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from structlog.stdlib import ProcessorFormatter

from tests.factories import make_course, make_enrollment, make_lesson

pytestmark = pytest.mark.django_db
WORD = "绒毛膜"


def read(client, path="/courses/", **query) -> str:
    response = client.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def titles_in(page: str) -> list[str]:
    links = [part.split("</a>")[0] for part in page.split('<a class="card__link"')[1:]]
    return [link.split(">", 1)[1].replace("<mark>", "").replace("</mark>", "") for link in links]


def test_published_courses_are_listed_in_their_order(client, now):
    make_course(title="第二", position=2)
    make_course(title="第一", position=1)
    make_course(title="草稿", published_at=None)
    make_course(title="明天", published_at=now + timedelta(days=1))
    assert titles_in(read(client)) == ["第一", "第二"]


def test_a_card_says_what_it_costs_and_how_long_it_is(client):
    course = make_course(price_fen=19950, level="advanced")
    make_lesson(course=course, number=1, minutes=12)
    make_lesson(course=course, number=2, minutes=30)
    page = read(client)
    assert "高级 · 2 课 · 42 分钟" in page
    assert "199.50" in page
    assert f'href="/courses/{course.slug}/"' in page


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("产后出血", ["产后出血的处理"]),
        ("出血 产后", ["产后出血的处理"]),
        ("ＨＰＶ", ["HPV 与宫颈筛查"]),
        ("hpv", ["HPV 与宫颈筛查"]),
        ("  ", ["HPV 与宫颈筛查", "产后出血的处理", "100% 无创"]),
        ("副标", ["HPV 与宫颈筛查", "产后出血的处理", "100% 无创"]),
        ("%", ["100% 无创"]),
        ("_", []),
        ("'; --", []),
        ("\0", ["HPV 与宫颈筛查", "产后出血的处理", "100% 无创"]),
        ("没有的", []),
    ],
)
def test_a_search_finds_titles_that_hold_every_word(client, typed, found):
    make_course(title="HPV 与宫颈筛查", position=1)
    make_course(title="产后出血的处理", position=2)
    make_course(title="100% 无创", position=3)
    page = read(client, q=typed)
    assert titles_in(page.split("也许您想看")[0]) == found


def test_a_draft_is_not_found(client):
    make_course(title="产后出血草稿", published_at=None)
    assert "产后出血草稿" not in read(client, q="产后出血")


def test_what_was_found_is_marked_and_the_words_stay_in_the_field(client):
    make_course(title="产后出血的处理")
    page = read(client, q="出血")
    assert "产后<mark>出血</mark>的处理" in page
    assert 'value="出血"' in page


def test_nothing_typed_or_written_becomes_markup(client):
    make_course(title="A<b>C</b> & D")
    page = read(client, q="<b>")
    assert "A<mark>&lt;b&gt;</mark>C&lt;/b&gt; &amp; D" in page
    page = read(client, q='"><script>alert(1)</script>')
    assert "<script>alert" not in page


def test_an_empty_result_offers_others(client):
    make_course(title="产后出血的处理")
    page = read(client, q=WORD)
    assert f"没有找到“{WORD}”" in page
    assert titles_in(page) == ["产后出血的处理"]


def test_an_empty_shop_says_so(client):
    assert "这里还没有课程" in read(client)


def test_the_list_goes_on_behind_the_last_row_and_skips_none(client):
    for place in range(30):
        make_course(title=f"课程{place:02}", position=place // 10)
    seen, path = [], "/courses/"
    for _ in range(3):
        page = read(client, path)
        seen += titles_in(page)
        if 'rel="next"' in page:
            path = "/courses/" + page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert sorted(seen) == [f"课程{place:02}" for place in range(30)]
    assert 'rel="next"' not in page
    assert "回到第一页" in page


def test_turning_the_page_keeps_the_search(client):
    for place in range(13):
        make_course(title=f"产科 {place}")
    make_course(title="妇科")
    page = read(client, q="产科")
    path = page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert titles_in(read(client, "/courses/" + path)) == ["产科 12"]


@pytest.mark.parametrize("junk", ["x", "1", "1-2-3", "-1--1", "９-９", "9" * 30 + "-1"])
def test_a_place_nobody_gave_out_begins_at_the_start(client, junk):
    make_course(title="第一")
    assert titles_in(read(client, after=junk)) == ["第一"]


# ── Searches are nobody's business ──


def test_a_search_is_stored_nowhere_and_logged_nowhere(client, alice, caplog):
    make_course(title="产后出血的处理")
    client.force_login(alice)
    read(client, q=WORD)
    client.get("/courses/", {"q": WORD, "after": "x"})
    client.get("/courses/missing/", {"q": WORD})
    written = "\n".join(as_written(record) for record in caplog.records)
    assert "/courses/missing/" in written
    assert WORD not in written
    assert "%E7%BB%92" not in written
    assert WORD not in dict(client.session).values()
    assert not rows_holding(WORD)


def as_written(record: logging.LogRecord) -> str:
    """Format a record as the handler of the portal's log does."""
    (handler,) = (h for h in logging.getLogger().handlers if isinstance(h.formatter, ProcessorFormatter))
    return handler.format(record)


def rows_holding(word: str) -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s', [f"%{word}%"])
            found += [table] if cursor.fetchone()[0] else []
    return found


def test_no_table_has_a_column_for_searches():
    suspicious = ("search", "keyword", "query", "term")
    columns = [f.name for model in apps.get_models() for f in model._meta.local_fields]
    assert not [name for name in columns if any(word in name for word in suspicious)]


# ── One course ──


def test_a_course_says_what_one_learns_and_lists_its_lessons(client):
    course = make_course(title="产后出血", body="- 量准**出血量**", audience="住院医师")
    make_lesson(course=course, number=1, title="定义", is_free=True)
    make_lesson(course=course, number=2, title="手术", is_professional=True)
    page = read(client, f"/courses/{course.slug}/")
    assert "<h1>产后出血</h1>" in page
    assert "<strong>出血量</strong>" in page
    assert "住院医师" in page
    assert page.index("试看</span>") < page.index("手术") < page.index("专业内容</span>")
    assert "先试看一课" in page


def test_before_buying_there_are_the_price_and_the_rule_for_giving_it_back(client):
    page = read(client, f"/courses/{make_course(price_fen=19900, lessons=1).slug}/")
    assert "199</p>" in page
    assert "7 天内可以退课" in page
    assert "购买课程" in page


def test_whoever_owns_it_goes_on_learning_and_is_offered_no_purchase(client, alice, bob):
    course = make_course(lessons=1)
    make_enrollment(member=alice, course=course)
    client.force_login(alice)
    page = read(client, f"/courses/{course.slug}/")
    assert "继续学习" in page
    assert "购买课程" not in page
    client.force_login(bob)
    assert "购买课程" in read(client, f"/courses/{course.slug}/")


def test_a_course_without_lessons_yet_can_be_looked_at(client, alice):
    course = make_course()
    make_enrollment(member=alice, course=course)
    client.force_login(alice)
    read(client, f"/courses/{course.slug}/")


@pytest.mark.parametrize("published_at", [None, "tomorrow"])
def test_what_is_not_published_is_not_found(client, now, published_at):
    course = make_course(published_at=published_at and now + timedelta(days=1), lessons=1)
    assert client.get(f"/courses/{course.slug}/").status_code == 404
    assert client.get(f"/courses/{course.slug}/lessons/1/").status_code == 404


# ── My courses ──


def test_my_courses_are_those_i_own_and_nobody_elses(client, alice, bob):
    make_enrollment(member=alice, course=make_course(title="爱丽的课"))
    make_enrollment(member=bob, course=make_course(title="别人的课"))
    make_enrollment(member=alice, course=make_course(title="退了的课"), ended=True)
    client.force_login(alice)
    assert titles_in(read(client, "/me/courses/")) == ["爱丽的课"]


def test_without_courses_the_page_says_where_to_find_some(client, alice):
    client.force_login(alice)
    assert "还没有课程" in read(client, "/me/courses/")


def test_my_courses_ask_for_sign_in(client):
    response = client.get("/me/courses/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/account/login/")


# ── Cost ──


@pytest.mark.parametrize("path", ["/courses/", "/courses/?q=课程", "/", "/me/courses/", "/courses/one/"])
def test_a_page_asks_as_much_for_twenty_rows_as_for_one(client, alice, queries, path):
    course = make_course(slug="one", lessons=1)
    make_enrollment(member=alice, course=course)
    client.force_login(alice)
    client.get("/policy/none/")  # the session is remembered from now on
    alone = queries(path)
    for number in range(2, 21):
        make_lesson(course=course, number=number)
        make_enrollment(member=alice, course=make_course(lessons=2))
    assert queries(path) == alone
    assert alone <= 6
    assert queries(path) <= alone


# ── What is remembered of a page ──


def test_a_list_that_was_seen_costs_nothing_but_the_member(client, alice, queries):
    make_course()
    client.force_login(alice)
    client.get("/courses/")
    assert queries("/courses/") == 1


@pytest.mark.parametrize("path", ["/courses/", "/", "/courses/one/"])
def test_a_change_is_seen_at_once(client, path):
    course = make_course(slug="one", title="旧名", lessons=1)
    assert "旧名" in read(client, path)
    course.title = "新名"
    course.save()
    page = read(client, path)
    assert "新名" in page
    assert "旧名" not in page


def test_a_new_lesson_is_seen_at_once(client):
    course = make_course(slug="one")
    assert "0 课" in read(client, "/courses/one/")
    lesson = make_lesson(course=course, title="刚写好的一课")
    assert "刚写好的一课" in read(client, "/courses/one/")
    assert "1 课" in read(client)
    lesson.delete()
    assert "刚写好的一课" not in read(client, "/courses/one/")


def test_a_course_that_is_taken_away_is_gone_from_the_list_at_once(client):
    course = make_course(title="撤下的课")
    assert "撤下的课" in read(client)
    course.delete()
    assert "撤下的课" not in read(client)


def test_a_course_whose_hour_comes_is_listed_within_a_minute(client, now, monkeypatch):
    monkeypatch.setattr("courses.remembered.SECONDS", 1)
    make_course(title="明天的课", published_at=now + timedelta(days=1))
    assert "明天的课" not in read(client)
    time.sleep(1.1)
    with time_machine.travel(now + timedelta(days=1, minutes=1)):
        assert "明天的课" in read(client)


def test_what_an_owner_sees_is_not_what_others_see(client, alice, bob):
    course = make_course(slug="one", lessons=1)
    make_enrollment(member=alice, course=course)
    for member, words in ((alice, "继续学习"), (bob, "购买课程"), (alice, "继续学习")):
        client.force_login(member)
        assert words in read(client, "/courses/one/")


def test_a_search_is_not_remembered(client, monkeypatch):
    make_course(title=WORD)
    kept = []
    monkeypatch.setattr("courses.remembered.cache.set", lambda *said: kept.append(said))
    read(client, q=WORD)
    assert kept == []
