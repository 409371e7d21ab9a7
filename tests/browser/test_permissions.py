"""A member lets the camera in on one device and shuts it out again: here, and in the browser's own settings."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from tests.browser.conftest import Portal, Visitor
from tests.browser.test_journeys import sign_in

CENTRE = "/me/permissions/"
OPEN_CAMERA = """() => navigator.mediaDevices.getUserMedia({ video: true }).then(
    (stream) => { stream.getTracks().forEach((track) => track.stop()); return "opened"; },
    (error) => error.name)"""


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType, browser_type_launch_args: dict) -> Iterator[Browser]:
    """A browser of this module's own, with a camera and a microphone that show and say nothing."""
    devices = ["--use-fake-device-for-media-stream"]
    args = {**browser_type_launch_args, "args": [*browser_type_launch_args["args"], *devices]}
    browser = browser_type.launch(**args)
    yield browser
    browser.close()


@pytest.fixture
def doctor(visit, portal: Portal) -> Visitor:
    doctor = visit()
    sign_in(doctor, "doctor@example.com", portal.passwords["doctor"])
    doctor.go(CENTRE)
    return doctor


def row(page: Page, kind: str = "camera"):
    return page.locator(f"#{kind}")


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).click()
    visitor.page.wait_for_load_state()
    visitor.look()


def header(visitor: Visitor) -> str:
    return visitor.page.request.get(visitor.url + CENTRE).headers["permissions-policy"]


def refuses_the_camera(visitor: Visitor) -> bool:
    """Ask as any script could; the console repeats that the page's own header forbids it."""
    said = visitor.page.evaluate(OPEN_CAMERA)
    visitor.complaints.clear()
    return said == "NotAllowedError"


def set_in_browser(visitor: Visitor, setting: str, name: str = "camera") -> None:
    """Choose in the browser's settings what this site may do."""
    session = visitor.page.context.new_cdp_session(visitor.page)
    mine = session.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    chosen = {"origin": visitor.url, "permission": {"name": name}, "setting": setting, "browserContextId": mine}
    session.send("Browser.setPermission", chosen)


def test_the_camera_opens_by_the_members_word_and_closes_by_it(doctor):
    page = doctor.page
    doctor.page.context.grant_permissions(["camera"])
    assert "camera=()" in header(doctor)
    assert refuses_the_camera(doctor), "the browser would let it in, the page does not"
    expect(row(page)).to_contain_text("镜头会拍到您和周围的人")
    press(doctor, "允许相机")
    expect(row(page)).to_contain_text("已允许")
    assert "camera=(self)" in header(doctor)
    assert "microphone=()" in header(doctor)
    page.locator("[data-ask=camera]").click()
    expect(row(page).locator("[data-browser]")).to_have_text("浏览器已允许")
    doctor.look()
    press(doctor, "收回相机")
    expect(page.get_by_role("status").first).to_contain_text("已收回相机")
    expect(row(page)).to_contain_text("已收回")
    assert "camera=()" in header(doctor)
    assert refuses_the_camera(doctor)


def test_closing_the_camera_in_the_browsers_settings_arrives_without_a_click(doctor):
    page = doctor.page
    set_in_browser(doctor, "granted")
    press(doctor, "允许相机")
    expect(row(page).locator("[data-browser]")).to_have_text("已允许")
    set_in_browser(doctor, "denied")
    expect(page.get_by_role("status").first).to_contain_text("浏览器关闭了相机，我们已按收回处理")
    doctor.look()
    expect(row(page)).to_contain_text("已收回")
    assert "camera=()" in header(doctor)


def test_what_was_closed_in_the_browser_while_the_page_was_away_arrives_when_it_is_back(doctor):
    page = doctor.page
    set_in_browser(doctor, "granted")
    press(doctor, "允许相机")
    page.goto(doctor.url + "/policy/camera/")
    set_in_browser(doctor, "denied")
    page.goto(doctor.url + CENTRE)
    expect(row(page)).to_contain_text("已收回")
    assert "camera=()" in header(doctor)


def test_what_is_closed_in_the_browser_arrives_from_any_page(doctor):
    set_in_browser(doctor, "granted")
    press(doctor, "允许相机")
    doctor.go("/courses/")
    with doctor.page.expect_response(lambda answer: answer.url.endswith(f"{CENTRE}camera/browser/")) as told:
        set_in_browser(doctor, "denied")
    assert told.value.ok
    doctor.go("/courses/")
    expect(doctor.page.get_by_role("status").first).to_contain_text("浏览器关闭了相机，我们已按收回处理")
    expect(doctor.page.locator("[data-guard]")).to_have_count(0)
    assert "camera=()" in header(doctor)


def test_who_allows_here_what_the_browser_forbids_first_reads_where_to_change_it(doctor):
    page = doctor.page
    set_in_browser(doctor, "denied", "microphone")
    press(doctor, "允许麦克风")
    expect(row(page, "microphone").locator("[data-browser]")).to_contain_text("可以在地址栏左侧的网站设置里改")
    expect(row(page, "microphone")).to_contain_text("已允许")
    assert "microphone=(self)" in header(doctor)
    page.locator("[data-ask=microphone]").click()
    expect(page.get_by_role("status").first).to_contain_text("浏览器关闭了麦克风")
    doctor.look()
    assert "microphone=()" in header(doctor)
    doctor.complaints.clear()


def test_another_tab_of_the_same_browser_follows(doctor):
    press(doctor, "允许相机")
    second = doctor.page.context.new_page()
    second.goto(doctor.url + CENTRE)
    second.get_by_role("button", name="收回相机", exact=True).click()
    expect(row(second)).to_contain_text("已收回")
    second.close()
    doctor.page.bring_to_front()
    doctor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(row(doctor.page)).to_contain_text("已收回")
    assert refuses_the_camera(doctor)


def test_it_all_works_from_the_keyboard(doctor):
    page = doctor.page
    go_by_tab(page, "允许相册")
    page.keyboard.press("Enter")
    expect(row(page, "pictures")).to_contain_text("已允许")
    go_by_tab(page, "收回相册")
    page.keyboard.press("Space")
    expect(row(page, "pictures")).to_contain_text("已收回")
    doctor.look()


def go_by_tab(page: Page, name: str) -> None:
    page.wait_for_load_state()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel") == name:
            shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert shown != "none", "one sees where one is"
            return
    raise AssertionError(f"no way to {name}")


def test_it_all_works_without_scripts(browser, portal, screen):
    context = browser.new_context(viewport=screen, locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    page.goto(portal.url + "/account/login/?next=" + CENTRE)
    page.get_by_label(re.compile("手机号或邮箱")).fill("doctor@example.com")
    page.get_by_label("密码", exact=True).fill(portal.passwords["doctor"])
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page).to_have_url(portal.url + CENTRE)
    page.get_by_role("button", name="允许位置").click()
    expect(row(page, "location")).to_contain_text("已允许")
    expect(page.locator("[data-ask]")).to_have_count(1)
    expect(page.locator("[data-ask]")).to_be_hidden()
    page.get_by_role("button", name="收回位置").first.click()
    expect(row(page, "location")).to_contain_text("已收回")
    context.close()
