"""The warning and the browser's own buttons: Back and Forward ask nobody twice and show nobody what is closed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from tests.browser.conftest import Portal, Visitor

COURSE = "/courses/caesarean-scar-pregnancy/"
LESSON = COURSE + "lessons/1/"
PICTURE = LESSON + "files/types/"
GATE = re.compile(r"/gate/\?next=")
SECRET_IN_SIGHT = f"""[...document.images].some((image) =>
    image.naturalWidth > 0 && new URL(image.currentSrc).pathname === "{PICTURE}")"""


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType, browser_type_launch_args: dict) -> Iterator[Browser]:
    """A browser that brings pages back from memory, as people's do and a tested one does not."""
    browser = browser_type.launch(**browser_type_launch_args, ignore_default_args=["--disable-back-forward-cache"])
    yield browser
    browser.close()


@pytest.fixture
def plain(browser: Browser, portal: Portal, screen) -> Iterator[Page]:
    """A page of a browser without scripts, where axe cannot look either."""
    context = browser.new_context(viewport=screen, locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    page.goto(portal.url + COURSE)
    yield page
    context.close()


def follow_the_lesson(page: Page) -> None:
    page.get_by_role("link", name="早期识别与分型").first.click()
    page.wait_for_url(GATE)


def go_on(page: Page, url: str) -> None:
    page.get_by_role("button", name="我已读过，继续").click()
    page.wait_for_url(url + LESSON)


def expect_the_picture(page: Page) -> None:
    picture = page.locator('img[src*="files/types/"]')
    picture.scroll_into_view_if_needed()
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    assert page.evaluate(SECRET_IN_SIGHT)


def expect_the_warning(page: Page) -> None:
    expect(page).to_have_url(GATE)
    expect(page.get_by_role("button", name="我已读过，继续")).to_be_visible()
    assert not page.evaluate(SECRET_IN_SIGHT)


def open_the_lesson(visitor: Visitor) -> None:
    visitor.go(COURSE)
    follow_the_lesson(visitor.page)
    visitor.look()
    go_on(visitor.page, visitor.url)
    visitor.look()
    expect_the_picture(visitor.page)


def press(page: Page, button: str) -> None:
    """Press Back or Forward; a page that comes from memory does not load, so that is not waited for."""
    (page.go_back if button == "back" else page.go_forward)(wait_until="commit")
    page.locator("main").wait_for(state="attached")  # until it is there, the next button presses nothing


def forget_the_gate(visitor: Visitor) -> None:
    """Clear what this browser remembers of the warning, as its owner may at any time."""
    visitor.page.context.clear_cookies(name="gate")


def test_this_browser_brings_back_pages_from_memory(visit):
    """Without this, the tests of what must not come back would prove nothing."""
    visitor = visit()
    visitor.go("/policy/privacy/")
    visitor.page.evaluate("window.remembered = true")
    visitor.go("/policy/agreement/")
    press(visitor.page, "back")
    assert visitor.page.evaluate("window.remembered")


def test_back_leads_past_the_warning_and_forward_to_the_content(visit):
    visitor = visit()
    page = visitor.page
    open_the_lesson(visitor)
    press(page, "back")
    expect(page).to_have_url(visitor.url + COURSE)
    visitor.look(is_from_memory=True)
    press(page, "forward")
    expect(page).to_have_url(visitor.url + LESSON)
    expect_the_picture(page)
    visitor.look(is_from_memory=True)
    press(page, "back")
    follow = page.get_by_role("link", name="早期识别与分型").first
    follow.click()
    expect(page).to_have_url(visitor.url + LESSON)


def test_who_declines_is_back_where_they_were_and_back_asks_again(visit):
    visitor = visit()
    page = visitor.page
    visitor.go(COURSE)
    follow_the_lesson(page)
    page.get_by_role("link", name="返回").click()
    expect(page).to_have_url(visitor.url + COURSE)
    visitor.look()
    press(page, "back")
    expect_the_warning(page)
    visitor.look(is_from_memory=True)
    press(page, "forward")
    expect(page).to_have_url(visitor.url + COURSE)
    assert page.request.get(visitor.url + PICTURE).status == 403
    page.goto(visitor.url + LESSON)
    expect_the_warning(page)


@pytest.mark.parametrize("button", ["back", "forward"])
def test_a_page_that_was_open_asks_again_once_the_browser_has_forgotten(visit, button):
    visitor = visit()
    page = visitor.page
    open_the_lesson(visitor)
    if button == "back":
        visitor.go("/policy/gate/")
    else:
        press(page, "back")
        expect(page).to_have_url(visitor.url + COURSE)
    forget_the_gate(visitor)
    press(page, button)
    expect_the_warning(page)
    visitor.look(is_from_memory=True)


@pytest.mark.parametrize("button", ["back", "forward"])
def test_a_picture_on_its_own_is_asked_for_again_too(visit, button):
    visitor = visit()
    page = visitor.page
    open_the_lesson(visitor)
    page.goto(visitor.url + PICTURE)
    assert page.evaluate(SECRET_IN_SIGHT)
    if button == "back":
        visitor.go(LESSON)
    else:
        press(page, "back")
    expect_the_picture(page)
    forget_the_gate(visitor)
    press(page, button)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert not page.evaluate(SECRET_IN_SIGHT)
    visitor.complaints.clear()  # the console repeats the 403, and what the browser's own page for a picture may not do


def test_a_picture_seen_once_is_not_sent_twice(visit):
    visitor = visit()
    open_the_lesson(visitor)
    sizes: list[int] = []
    visitor.page.on("response", lambda answer: answer.url.endswith(PICTURE) and sizes.append(answer.status))
    visitor.page.reload()
    expect_the_picture(visitor.page)
    assert sizes, "the browser asked whether it may still show it"
    told = visitor.page.evaluate(f"performance.getEntriesByName('{visitor.url + PICTURE}').at(-1).transferSize")
    assert told < 1000, "and was only told that it may"


def test_without_scripts_the_buttons_lead_the_same_ways(plain, portal):
    follow_the_lesson(plain)
    go_on(plain, portal.url)
    expect(plain.locator('img[src*="files/types/"]')).to_have_count(1)
    press(plain, "back")
    if plain.url != portal.url + COURSE:  # the warning was a page of its own here: it leads on at once, and once only
        expect(plain).to_have_url(portal.url + LESSON)
        press(plain, "back")
    expect(plain).to_have_url(portal.url + COURSE)
    press(plain, "forward")
    expect(plain).to_have_url(portal.url + LESSON)
    plain.context.clear_cookies(name="gate")
    press(plain, "back")
    press(plain, "forward")
    expect(plain).to_have_url(GATE)
    expect(plain.get_by_role("button", name="我已读过，继续")).to_be_visible()


def test_without_scripts_who_declines_sees_nothing(plain, portal):
    follow_the_lesson(plain)
    plain.get_by_role("link", name="返回").click()
    expect(plain).to_have_url(portal.url + COURSE)
    press(plain, "back")
    expect(plain).to_have_url(GATE)
    expect(plain.locator('img[src*="files/types/"]')).to_have_count(0)
