"""A key in place of a password: added, used alone and as a second step, removed; for the staff it opens the desk."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import SCREENS, Portal, Visitor, run_portal
from tests.browser.test_journeys import PASSWORD, sign_in, sign_up

KEYS = "/account/2fa/webauthn/"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# Whoever has a key is asked for it ever after: each screen needs somebody of the staff who has none yet.
STAFF = {SCREENS["phone"]["width"]: "support", SCREENS["desktop"]["width"]: "admin"}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal whose staff need a second step, at a name: no browser gives keys to an address of bare numbers."""
    with run_portal(tmp_path_factory.mktemp("keys"), STAFF_SECOND_STEP="on") as portal:
        yield replace(portal, url=portal.url.replace("127.0.0.1", "localhost"))


@dataclass
class Device:
    """What a person unlocks with a finger; keeps the keys that sites have asked it to make."""

    session: CDPSession
    pk: str

    def kept(self) -> list[dict]:
        return self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.pk})["credentials"]

    def recognises(self, *, its_owner: bool) -> None:
        chosen = {"authenticatorId": self.pk, "isUserVerified": its_owner}
        self.session.send("WebAuthn.setUserVerified", chosen)


def device_of(person: Visitor) -> Device:
    session = person.page.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    return Device(session, session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"])


def add_key(person: Visitor, name: str, *, password: str) -> None:
    page = person.page
    person.go("/account/2fa/")
    page.get_by_role("main").get_by_role("link", name="添加").click()
    prove_oneself(person, password)
    page.wait_for_url("**/webauthn/add/")
    person.look()
    page.get_by_role("textbox", name="名称").fill(name)
    page.get_by_role("checkbox", name="也用它单独登录").check()
    page.get_by_role("button", name="开始添加").click()
    page.wait_for_url("**/recovery-codes/")
    person.look()
    expect(page.get_by_text("安全密钥已添加")).to_be_visible()
    expect(page.get_by_role("list").filter(has=page.locator("code")).get_by_role("listitem")).to_have_count(10)


def prove_oneself(person: Visitor, password: str) -> None:
    page = person.page
    expect(page.get_by_role("heading", name="确认是您本人")).to_be_visible()
    person.look()
    page.get_by_label("密码", exact=True).fill(password)
    page.get_by_role("button", name="确认").click()


def sign_out(person: Visitor) -> None:
    page = person.page
    page.locator("summary").filter(has_text="账号").click()
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_role("link", name="注册").first).to_be_visible()


def sign_in_by_key(person: Visitor, path: str = "/account/login/") -> None:
    person.go(path)
    person.page.get_by_role("button", name="用通行密钥登录").click()


def test_a_doctor_signs_in_by_a_key_alone_until_it_is_removed(visit, screen):
    doctor, inbox = visit(), visit()
    phone = "1391239" + str(screen["width"]).zfill(4)
    sign_up(doctor, inbox, phone)
    page, device = doctor.page, device_of(doctor)
    add_key(doctor, "诊室的电脑", password=PASSWORD)
    assert [key["rpId"] for key in device.kept()] == ["localhost"]
    assert phone not in str(device.kept()), "whoever looks at the list of keys reads no number"
    sign_out(doctor)
    sign_in_by_key(doctor, f"/account/login/?next={KEYS}")
    expect(page).to_have_url(doctor.url + KEYS)
    doctor.look()
    expect(page.get_by_role("row").filter(has_text="诊室的电脑")).to_contain_text("可单独登录")
    give_the_second_step(doctor, phone)
    remove_key(doctor)
    sign_out(doctor)
    sign_in_by_key(doctor)
    expect(page.get_by_role("status")).to_contain_text("没有认出这个通行密钥")
    doctor.look()
    sign_in(doctor, phone, PASSWORD)
    expect(page).to_have_url(doctor.url + "/me/")


def give_the_second_step(doctor: Visitor, phone: str) -> None:
    """Sign in with the password, which is not enough any more, and the key."""
    page = doctor.page
    sign_out(doctor)
    sign_in(doctor, phone, PASSWORD)
    expect(page.get_by_role("heading", name="两步验证")).to_be_visible()
    doctor.look()
    expect(page.get_by_text("身份验证器")).to_have_count(0)
    expect(page.get_by_label("恢复码")).to_be_visible()
    page.goto(doctor.url + "/me/")
    expect(page.get_by_role("heading", name="两步验证")).to_be_visible()
    page.get_by_role("button", name="使用安全密钥").click()
    expect(page).to_have_url(doctor.url + "/me/")


def remove_key(doctor: Visitor) -> None:
    page = doctor.page
    doctor.go(KEYS)
    page.get_by_role("link", name="移除").click()
    page.get_by_role("link", name="用安全密钥").click()
    page.wait_for_url("**/webauthn/reauthenticate/**")
    doctor.look()
    page.get_by_role("button", name="使用安全密钥").click()
    page.wait_for_url("**/remove/")
    doctor.look()
    page.get_by_role("button", name="移除").click()
    expect(page.get_by_text("还没有安全密钥")).to_be_visible()
    doctor.look()


def test_a_key_that_does_not_know_the_finger_lets_nobody_in(visit, screen):
    doctor, inbox = visit(), visit()
    sign_up(doctor, inbox, "1391240" + str(screen["width"]).zfill(4))
    page, device = doctor.page, device_of(doctor)
    add_key(doctor, "诊室的电脑", password=PASSWORD)
    sign_out(doctor)
    device.recognises(its_owner=False)
    sign_in_by_key(doctor)
    expect(page.get_by_role("alert")).to_contain_text("没有读到安全密钥")
    doctor.look()
    page.goto(doctor.url + "/me/")
    expect(page).to_have_url(re.compile("/account/login/"))
    device.recognises(its_owner=True)
    sign_in_by_key(doctor)
    expect(page).to_have_url(doctor.url + "/me/")


def test_an_address_of_bare_numbers_says_why_it_has_no_keys(visit):
    visitor = visit()
    visitor.url = visitor.url.replace("localhost", "127.0.0.1")
    device_of(visitor)
    sign_in_by_key(visitor)
    expect(visitor.page.get_by_role("alert")).to_contain_text("请用域名打开本站")
    visitor.look()


def test_staff_without_a_second_step_are_led_to_add_a_key_and_come_in_with_it(visit, portal, screen):
    staff, name = visit(), STAFF[screen["width"]]
    page = staff.page
    sign_in(staff, f"{name}@example.com", portal.passwords[name])
    device_of(staff)
    page.goto(staff.url + "/admin/")
    expect(page).to_have_url(staff.url + "/account/2fa/")
    expect(page.get_by_role("status")).to_contain_text("工作人员需要先设置两步验证")
    staff.look()
    add_key(staff, "值班台", password=portal.passwords[name])
    page.locator("summary").filter(has_text="账号").click()
    page.get_by_role("link", name="工作台").click()
    expect(page).to_have_url(staff.url + "/admin/")
    staff.look_at_admin()
    page.goto(staff.url + "/me/")
    sign_out(staff)
    page.goto(staff.url + "/admin/")
    expect(page).to_have_url(re.compile("/account/login/"))
    page.get_by_role("button", name="用通行密钥登录").click()
    expect(page).to_have_url(staff.url + "/admin/")
    staff.look_at_admin()
