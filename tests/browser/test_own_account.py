"""A doctor looks after the account: takes everything along, is warned of a stranger's sign-in, and shuts them out."""

import re
import time
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Portal, Visitor
from tests.browser.test_consent import press_by_keyboard
from tests.browser.test_journeys import read_code, sign_in, sign_up


def test_everything_is_taken_along_with_a_bar_that_survives_a_reload(visit, portal: Portal, tmp_path: Path):
    doctor = visit()
    sign_in(doctor, "doctor@example.com", portal.passwords["doctor"])
    doctor.go("/me/export/")
    page = doctor.page
    page.get_by_role("textbox", name="登录密码").fill("not my password")
    press_by_keyboard(page, "开始导出")
    expect(page.get_by_text("密码不正确")).to_be_visible()
    doctor.look()
    page.get_by_role("textbox", name="登录密码").fill(portal.passwords["doctor"])
    press_by_keyboard(page, "开始导出")
    expect(page.get_by_role("heading", name="最近 7 天的导出")).to_be_visible()
    page.reload()
    expect(page.locator("[data-progress]")).to_have_count(0, timeout=60_000)  # an older one may be there already
    link = page.get_by_role("link", name=re.compile("下载")).first
    expect(link).to_be_visible()
    doctor.look()
    with page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "mine.zip")
    archive = zipfile.ZipFile(tmp_path / "mine.zip")
    assert archive.testzip() is None
    assert {"index.html", "manifest.json", "data/accounts.User.json"} <= set(archive.namelist())


def test_two_browsers_see_each_other_and_one_signs_the_other_out(visit, portal: Portal):
    here, there = visit(), visit()
    for browser in (here, there):
        sign_in(browser, "doctor@example.com", portal.passwords["doctor"])
    here.go("/account/sessions/")
    expect(here.page.get_by_text("这一台").first).to_be_visible()
    while (buttons := here.page.get_by_role("button", name=re.compile("^让 .+ 退出$"))).count():
        buttons.first.click()
        expect(here.page.get_by_text("那台设备已退出登录")).to_be_visible()
    here.look()
    there.page.goto(there.url + "/me/")
    expect(there.page).to_have_url(re.compile(r"/account/login/"))
    here.go("/me/")


def test_a_doctor_says_who_they_are_and_others_see_what_is_for_them(visit, screen):
    doctor, inbox, stranger = visit(), visit(), visit()
    sign_up(doctor, inbox, "1391237" + str(screen["width"]).zfill(4))
    page = doctor.page
    doctor.go("/me/profile/")
    page.get_by_role("textbox", name="姓名", exact=True).fill("许知行")
    page.get_by_role("textbox", name="医院", exact=True).fill("市妇幼保健院")
    page.get_by_label("谁能看到医院").select_option("everybody")
    page.get_by_label("谁能看到姓名").select_option("everybody")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("公开姓名需要您单独同意")
    doctor.look()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="保存").click()
    page.get_by_role("link", name="看看别人看到的").click()
    page.wait_for_url("**/doctors/**")
    doctor.look()
    address = page.url.removeprefix(doctor.url)
    stranger.go(address)
    expect(stranger.page.get_by_role("heading", name="许知行")).to_be_visible()
    doctor.go("/me/consents/")
    page.get_by_role("button", name="撤回公开姓名单独同意书").click()
    page.get_by_role("dialog").get_by_role("button", name="撤回").click()
    page.wait_for_load_state()
    stranger.go(address)
    expect(stranger.page.get_by_role("heading", name="妇产科网会员")).to_be_visible()
    expect(stranger.page.get_by_text("市妇幼保健院")).to_be_visible()


def enter_code(person: Visitor, inbox: Visitor, phone: str) -> None:
    page = person.page
    page.get_by_label("手机号或邮箱").fill(phone)
    page.get_by_role("button", name="发送验证码").click()
    page.wait_for_url("**/account/login/code/confirm/**")
    person.look()
    page.get_by_label(re.compile("验证码")).fill(read_code(inbox, phone))
    page.get_by_role("button", name="确认").click()
    page.wait_for_url(re.compile(r"/account/password/(set|change)/"))
    person.look()


def choose_password(person: Visitor, password: str) -> None:
    person.page.locator("#id_password1").fill(password)
    person.page.locator("main form button[type=submit]").click()
    person.page.wait_for_load_state()
    person.look()


def link_to_lock(inbox: Visitor, phone: str) -> str:
    """Find the newest alert that went to a number, and the address in it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        inbox.page.goto(inbox.url + "/demo/inbox/")
        letters = inbox.page.locator(".inbox > li").filter(has_text=phone).filter(has_text="锁定账号")
        if letters.count() and (found := re.search(r"(/n/\S+/)", letters.first.inner_text())):
            return found[1]
        time.sleep(0.3)
    raise AssertionError("no alert")


def test_a_password_is_replaced_by_sms_and_who_did_not_do_it_locks_the_account(visit, screen):
    doctor, inbox, thief = visit(), visit(), visit()
    phone = "1391238" + str(screen["width"]).zfill(4)
    sign_up(doctor, inbox, phone)
    thief.go("/account/password/reset/")
    enter_code(thief, inbox, phone)
    choose_password(thief, "another quiet ward")
    doctor.go(link_to_lock(inbox, phone))
    doctor.page.get_by_role("button", name="锁定账号并重设密码").click()
    expect(doctor.page.get_by_text("账号已锁定")).to_be_visible()
    doctor.look()
    thief.page.goto(thief.url + "/me/")
    expect(thief.page).to_have_url(re.compile(r"/account/login/"))
    time.sleep(1)
    enter_code(doctor, inbox, phone)
    choose_password(doctor, "a third quiet ward")
    doctor.go("/me/")
