"""A doctor attaches a picture to a complaint: asked in the middle of the form, nothing typed is lost."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Portal, Visitor
from tests.browser.test_journeys import sign_in
from tests.factories import picture_file

BODY = "第二讲的封面和内容不符，见图。"


@pytest.fixture
def doctor(visit, portal: Portal) -> Visitor:
    doctor = visit()
    sign_in(doctor, "doctor@example.com", portal.passwords["doctor"])
    return doctor


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_20261120.png"
    path.write_bytes(picture_file().read())
    return path


def test_a_picture_is_attached_shown_and_taken_away_again(doctor, picture):
    page = doctor.page
    doctor.go("/complaints/new/complaint/")
    page.get_by_label("标题").fill("封面不符")
    page.get_by_label("详细情况").fill(BODY)
    page.get_by_text("附上照片或图片").click()
    doctor.look()
    page.get_by_role("region", name="可以使用相册吗？").get_by_role("button", name="允许").click()
    expect(page.get_by_label("从相册选择")).to_be_visible()
    doctor.look()
    expect(page.get_by_label("详细情况")).to_have_value(BODY)
    page.get_by_label("从相册选择").set_input_files([picture, picture])
    page.get_by_label("标题").press("Enter")
    page.wait_for_url("**/me/complaints/*/")
    doctor.look()
    shown = page.get_by_role("img", name="您附上的第")
    expect(shown).to_have_count(2)
    shown.first.scroll_into_view_if_needed()
    expect(shown.first).to_have_js_property("naturalWidth", 640)
    page.get_by_role("button", name="删除第 1 张图片").click()
    page.get_by_role("dialog").get_by_role("button", name="删除").click()
    expect(shown).to_have_count(1)
    doctor.look()
    take_back(doctor)


def take_back(doctor: Visitor) -> None:
    """Close the album again, and read by when the picture is deleted."""
    doctor.go("/me/permissions/")
    doctor.page.locator("#pictures").get_by_role("button", name="收回").click()
    expect(doctor.page.get_by_text(re.compile(r"用相册权限收集的 \d 张图片将在"))).to_be_visible()
    doctor.look()
