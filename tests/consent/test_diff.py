"""The page that puts two versions of a text beside each other."""

import re
from datetime import timedelta

import pytest

from consent.models import Document
from tests.factories import make_course, make_document, make_order, sign_in
from tests.test_house import Page

pytestmark = pytest.mark.django_db
OLD = "## 一、范围 {#c1}\n\n访问记录保存 180 天。\n\n## 二、使用 {#c2}\n\n我们不出售您的信息。\n"
NEW = OLD.replace("180 天", "一年") + "\n## 三、披露 {#c3}\n\n披露之前征求您的同意。\n"
HELD = {"clause": "一", "anchor": "c1", "purpose": "保证安全"}


def manifest(kept: str) -> list[dict]:
    return [{**HELD, "data": [{"kind": "访问记录", "kept": kept}]}]


@pytest.fixture
def versions(now):
    """Three versions that were announced, of which the last does not bind yet, and a draft."""
    for days, version, body in ((-60, "1.0", OLD), (-30, "1.1", NEW), (7, "1.2", NEW)):
        make_document(
            version=version,
            body=body,
            manifest=manifest("180 天" if version == "1.0" else "1 年"),
            summary=f"改动 {version}",
            effective_at=now + timedelta(days=days),
        )
    Document.objects.create(kind="agreement", version="2.0", title="服务协议", summary="机密", body="机密的草稿")


def read(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.usefixtures("versions")
def test_the_page_says_what_became_of_each_clause(client):
    page = read(client, "/policy/agreement/diff/1.0/1.1/")
    assert "访问记录保存 <del>180 天</del><ins>一年</ins>。" in page
    assert "改写 1 条" in page
    assert "新增 1 条" in page
    assert "1 条没有变化" in page
    assert "1.0 版没有这一条" in page
    assert "改动 1.1" in page
    assert Page(page).problems == []


@pytest.mark.usefixtures("versions")
def test_the_page_says_what_that_means_and_links_the_clause_in_the_newer_text(client):
    page = read(client, "/policy/agreement/diff/1.0/1.1/")
    meaning = page.split('id="meaning"')[1].split("</section>")[0]
    assert re.search(r'href="/policy/agreement/1.1/#c1">[^<]*访问记录[^<]*延长', meaning)
    assert "增加</span>" in meaning


def test_a_member_is_told_whether_a_change_is_about_what_is_held_of_them(client, alice, now):
    def promise(kept: str) -> list[dict]:
        data = [{"kind": "订单", "kept": kept, "model": "courses.Order", "fields": ["number"]}]
        return [{"clause": "二1", "anchor": "c1", "purpose": "交付课程", "touches": "holders", "data": data}]

    for number, kept in ((1, "3 年"), (2, "5 年")):
        day = now - timedelta(days=30 - number)
        make_document(kind="privacy", version=str(number), manifest=promise(kept), effective_at=day)
    path = "/policy/privacy/diff/1/2/"
    assert "这类信息" not in read(client, path)
    sign_in(client, alice)
    assert "我们没有您的这类信息" in read(client, path)
    make_order(member=alice, course=make_course())
    assert "与您有关：我们保存着您的这类信息" in read(client, path)


@pytest.mark.usefixtures("versions")
def test_the_older_version_is_always_on_the_left(client):
    assert read(client, "/policy/agreement/diff/1.1/1.0/") == read(client, "/policy/agreement/diff/1.0/1.1/")


@pytest.mark.usefixtures("versions")
def test_a_coming_version_can_be_compared_and_versions_with_one_text_say_so(client):
    page = read(client, "/policy/agreement/diff/1.1/1.2/")
    assert "两个版本的正文相同" in page
    assert "一个字也没有改动" in page
    assert "保存期都没有变化" in page


@pytest.mark.usefixtures("versions")
def test_a_text_with_new_numbers_only_is_not_called_untouched(client, now):
    make_document(version="1.3", body=NEW.replace("## 二、", "## 2. "), effective_at=now + timedelta(days=9))
    page = read(client, "/policy/agreement/diff/1.2/1.3/")
    assert "两个版本的正文相同" in page
    assert "一个字也没有改动" not in page


@pytest.mark.usefixtures("versions")
def test_a_version_compared_with_itself_is_that_version(client):
    assert client.get("/policy/agreement/diff/1.1/1.1/").headers["Location"] == "/policy/agreement/1.1/"


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    "path",
    [
        "/policy/agreement/diff/1.0/2.0/",
        "/policy/agreement/diff/2.0/2.0/",
        "/policy/agreement/diff/1.0/9.9/",
        "/policy/agreement/diff/9.9/9.9/",
        "/policy/privacy/diff/1.0/1.1/",
        "/policy/agreement/diff/?from=1.0&to=2.0",
        "/policy/agreement/diff/?from=1.0&to=9.9",
        "/policy/agreement/diff/?from=1.0",
        "/policy/agreement/diff/?from=%00&to=1.0",
        "/policy/agreement/diff/",
    ],
)
def test_drafts_and_what_was_never_written_are_not_found(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.usefixtures("versions")
def test_no_draft_is_named_on_the_page(client):
    page = read(client, "/policy/agreement/diff/1.0/1.2/")
    assert "2.0" not in page
    assert "机密" not in page


@pytest.mark.usefixtures("versions")
def test_other_versions_are_chosen_in_a_form_that_needs_no_script(client):
    page = read(client, "/policy/agreement/diff/1.0/1.1/")
    form = page.split('action="/policy/agreement/diff/" method="get"')[1].split("</form>")[0]
    assert re.findall(r'<option value="([\d.]+)" selected', form) == ["1.0", "1.1"]
    answer = client.get("/policy/agreement/diff/", {"from": "1.0", "to": "1.2"})
    assert answer.headers["Location"] == "/policy/agreement/diff/1.0/1.2/"


def test_nothing_is_to_be_chosen_between_two_versions(client, now):
    make_document(version="1.0", body=OLD, effective_at=now - timedelta(days=60))
    make_document(version="1.1", body=NEW)
    assert 'name="from"' not in read(client, "/policy/agreement/diff/1.0/1.1/")


def test_what_was_removed_is_shown_and_leads_to_the_older_text(client, now):
    make_document(version="1.0", body=NEW, effective_at=now - timedelta(days=60))
    make_document(version="1.1", body=OLD)
    page = read(client, "/policy/agreement/diff/1.0/1.1/")
    assert "披露之前征求您的同意。" in page
    assert "1.1 版没有这一条" in page
    assert 'href="/policy/agreement/1.0/#c3"' in page


def test_a_hostile_text_stays_text(client, now):
    make_document(version="1.0", body=OLD, effective_at=now - timedelta(days=60))
    make_document(version="1.1", body=OLD.replace("180 天", "<script>alert(1)</script>"))
    page = read(client, "/policy/agreement/diff/1.0/1.1/")
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert Page(page).problems == []


def test_anchors_that_are_used_twice_give_no_id_twice(client, now):
    make_document(version="1.0", body=OLD, effective_at=now - timedelta(days=60))
    make_document(version="1.1", body=f"{OLD}\n## 又一 {{#c1}}\n\n甲\n\n## 主 {{#main}}\n\n## 页 {{#meaning}}\n")
    assert Page(read(client, "/policy/agreement/diff/1.0/1.1/")).problems == []


def test_comparing_costs_the_same_among_two_versions_and_among_twenty(now, queries):
    make_document(version="1", body=OLD, effective_at=now - timedelta(days=60))
    make_document(version="2", body=NEW)
    alone = queries("/policy/agreement/diff/1/2/")
    for day in range(3, 21):
        make_document(version=str(day), body=NEW, effective_at=now - timedelta(days=day))
    assert queries("/policy/agreement/diff/1/2/") == alone == 2
