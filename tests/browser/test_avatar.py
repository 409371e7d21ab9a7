"""A doctor shows a face: asked for pictures first, seen by whom they choose, gone when they say so."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_journeys import sign_up
from tests.factories import picture_file

AVATAR = "/me/profile/avatar/"
# Buttons fade from one colour to the other, and are hard to read on the way.
COLOURS_SETTLED = """() => new Promise(requestAnimationFrame).then(
    () => Promise.all(document.getAnimations().map((animation) => animation.finished)))"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_20261120.png"
    path.write_bytes(picture_file(size=(900, 600)).read())
    return path


def look_by_day_and_night(person: Visitor) -> None:
    person.page.wait_for_load_state()
    for scheme in ("light", "dark"):
        person.page.emulate_media(color_scheme=scheme)
        person.page.evaluate(COLOURS_SETTLED)
        person.look()


def test_a_face_is_let_in_shown_to_whom_its_owner_likes_and_removed(visit, screen, picture):
    doctor, inbox, stranger = visit(), visit(), visit()
    sign_up(doctor, inbox, "1391242" + str(screen["width"]).zfill(4))
    let_pictures_in(doctor)
    choose(doctor, picture, audience="公开")
    address = find_own_page(doctor)
    stranger.go(address)
    look_by_day_and_night(stranger)
    expect(stranger.page.locator(".person img")).to_have_js_property("naturalWidth", 512)
    show_to(doctor, "会员")
    refuses(stranger, address)
    show_to(doctor, "公开")
    stranger.go(address)
    remove(doctor)
    refuses(stranger, address)
    assert stranger.page.request.get(stranger.url + address + "avatar/").status == 404


def let_pictures_in(doctor: Visitor) -> None:
    page = doctor.page
    doctor.go("/me/profile/")
    look_by_day_and_night(doctor)
    page.get_by_role("link", name="设置头像").click()
    page.wait_for_url("**" + AVATAR)
    look_by_day_and_night(doctor)
    expect(page.get_by_role("navigation", name="我的").get_by_role("link", name="个人资料")).to_have_attribute(
        "aria-current", "page"
    )
    expect(page.get_by_label("选择图片")).to_have_count(0)
    page.get_by_role("region", name="可以使用相册吗？").get_by_role("button", name="允许").click()
    expect(page.get_by_label("选择图片")).to_be_visible()
    look_by_day_and_night(doctor)


def choose(doctor: Visitor, picture: Path, *, audience: str) -> None:
    page = doctor.page
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("请选择一张图片")).to_be_visible()
    doctor.look()
    page.get_by_label("选择图片").set_input_files(picture)
    page.get_by_label("谁能看到头像").select_option(audience)
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存")).to_be_visible()
    expect(page.get_by_role("img", name="您的头像")).to_have_js_property("naturalWidth", 512)
    look_by_day_and_night(doctor)


def find_own_page(doctor: Visitor) -> str:
    page = doctor.page
    doctor.go("/me/profile/")
    look_by_day_and_night(doctor)
    expect(page.get_by_role("img", name="您的头像")).to_be_visible()
    page.get_by_role("link", name="看看别人看到的").click()
    page.wait_for_url("**/doctors/**")
    look_by_day_and_night(doctor)
    return page.url.removeprefix(doctor.url)


def show_to(doctor: Visitor, audience: str) -> None:
    doctor.go(AVATAR)
    doctor.page.get_by_label("谁能看到头像").select_option(audience)
    doctor.page.get_by_role("button", name="保存").click()
    expect(doctor.page.get_by_text("已保存")).to_be_visible()


def refuses(stranger: Visitor, address: str) -> None:
    """See that nothing is left to see for somebody who just saw it; their browser kept no copy either."""
    answer = stranger.page.goto(stranger.url + address)
    assert answer.status == 404
    stranger.look()
    assert stranger.page.request.get(stranger.url + address + "avatar/").status == 404
    stranger.complaints.clear()  # the console repeats the 404 itself


def remove(doctor: Visitor) -> None:
    page = doctor.page
    page.get_by_role("button", name="删除头像").click()
    page.get_by_role("dialog").get_by_role("button", name="删除").click()
    expect(page.get_by_text("头像已删除")).to_be_visible()
    expect(page.get_by_role("img", name="您的头像")).to_have_count(0)
    doctor.look()
