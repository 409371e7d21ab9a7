"""A doctor joins without a mouse: every step is reached by Tab, is seen there, and is done by Space or Enter."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_journeys import PASSWORD, read_code

MOST_STOPS = 60
# What the focused control is and is called, such as "checkbox 我已年满 18 周岁".
NAME = """() => {
    const at = document.activeElement;
    const words = at.ariaLabel || at.labels?.[0]?.textContent || at.textContent;
    return `${at.type || at.localName} ${words.replace(/\\s+/g, " ").trim()}`;
}"""
# The outline and shadow of the focused control, and of the boxes that show it in its place; the same without focus.
RINGS = """() => {
    const at = document.activeElement;
    const ring = () => [at, at.parentElement, at.parentElement.parentElement].map((box) => {
        const style = getComputedStyle(box);
        return style.outlineStyle === "none" ? style.boxShadow : `${style.outline} ${style.boxShadow}`;
    }).join();
    const focused = ring();
    at.blur();
    const bare = ring();
    at.focus({ preventScroll: true });
    return [focused, bare];
}"""
# Whether the middle of the focused control is what one sees there, not a bar that lies over it.
IN_SIGHT = """() => {
    const at = document.activeElement, box = at.getClientRects()[0];
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return top !== null && (at.contains(top) || top.contains(at));
}"""


class Keyboard:
    """Moves through a page by keys alone, and looks at each stop whether one sees where one is."""

    def __init__(self, visitor: Visitor) -> None:
        self.page: Page = visitor.page
        self.page.emulate_media(reduced_motion="reduce")

    def here(self) -> str:
        return self.page.evaluate(NAME)

    def tab_to(self, name: str, *, by: str = "Tab") -> None:
        for _ in range(MOST_STOPS):
            if re.search(name, self.here()):
                return
            self.page.keyboard.press(by)
            self._is_seen()
        raise AssertionError(f"no way to {name}")

    def write(self, name: str, text: str) -> None:
        self.tab_to(name)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def press(self, name: str, key: str) -> None:
        self.tab_to(name)
        self.page.keyboard.press(key)

    def _is_seen(self) -> None:
        here = self.here()
        if here.startswith("body"):
            return
        focused, bare = self.page.evaluate(RINGS)
        assert focused != bare, f"nothing shows that one is at {here}"
        assert self.page.evaluate(IN_SIGHT), f"{here} is out of sight"


@pytest.fixture
def phone(screen) -> str:
    return "1391241" + str(screen["width"]).zfill(4)


def test_a_doctor_joins_by_keyboard_alone(visit, phone):
    doctor, inbox = visit(), visit()
    keys = Keyboard(doctor)
    doctor.go("/")
    keys.tab_to("跳到正文")
    keys.press("^a 注册$", "Enter")
    doctor.page.wait_for_url("**/account/signup/")
    fill_in_but_agree_to_nothing(doctor, keys, phone)
    mend_what_the_summary_names(doctor, keys)
    enter_the_code(doctor, keys, inbox, phone)
    keys.tab_to("^a 跳到正文")


def fill_in_but_agree_to_nothing(doctor: Visitor, keys: Keyboard, phone: str) -> None:
    assert re.search("^tel 手机号", keys.here()), "the first field waits for the number"
    keys.write("^tel 手机号", phone)
    keys.write("^password 密码", PASSWORD)
    keys.press("^button 显示密码", "Space")
    keys.tab_to("^button 隐藏密码")
    keys.press("^checkbox .*隐私政策", "Space")
    keys.press("^submit 注册", "Enter")
    expect(doctor.page.get_by_role("alert")).to_be_visible()
    doctor.look()


def mend_what_the_summary_names(doctor: Visitor, keys: Keyboard) -> None:
    """Follow each link of the summary to the box it is about."""
    page = doctor.page
    expect(page.get_by_role("alert")).to_be_focused()
    way = "Tab"
    for words, box in (("需要同意《服务协议》", "服务协议"), ("未满 18 周岁不能注册", "年满 18")):
        keys.tab_to(f"^a {words}", by=way)
        page.keyboard.press("Enter")
        way = "Shift+Tab"
        assert re.search(f"^checkbox .*{box}", keys.here()), "the link leads to its box"
        page.keyboard.press("Space")
        expect(page.get_by_role("checkbox", name=re.compile(box))).to_be_checked()
    expect(page.get_by_role("checkbox", name=re.compile("隐私政策"))).to_be_checked()
    keys.tab_to("^password 密码", by="Shift+Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/phone/verify/")
    doctor.look()


def enter_the_code(doctor: Visitor, keys: Keyboard, inbox: Visitor, phone: str) -> None:
    page = doctor.page
    assert re.search("^text 验证码", keys.here()), "the field waits for the code"
    keys.write("^text 验证码", "000000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("验证码不正确")).to_be_visible()
    assert re.search("^text 验证码", keys.here()), "a wrong code is typed again at once"
    described = page.evaluate("document.activeElement.getAttribute('aria-describedby')").split()
    assert any("验证码不正确" in page.locator(f"#{pk}").inner_text() for pk in described)
    doctor.look()
    keys.write("^text 验证码", read_code(inbox, phone))
    keys.press("^submit 确认", "Enter")
    expect(page).to_have_url(re.compile(r"/me/$"))
    doctor.look()
