"""A new version is announced, takes effect while a member is typing, and is answered in the member's own time."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal, Visitor, run_portal
from tests.browser.test_journeys import sign_up

# Every process reads what has been announced anew once a minute.
KNOWN_EVERYWHERE = 75  # seconds
ANNOUNCE = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import User
from consent import services
from consent.models import Document
now, staff = timezone.now(), User.objects.get(email="admin@example.com")
before = Document.objects.announced().filter(kind="agreement").newest_first().first()
text = "\\n\\n## 会员证 {#card-VERSION}\\n\\n会员证 VERSION 按您填写的地址寄出。\\n"
promise = {"clause": "会员证", "anchor": "card-VERSION", "purpose": "寄送会员证 VERSION", "recipients": ["快递公司"]}
promise["data"] = [{"kind": "收件地址 VERSION", "kept": "1 年"}]
draft = Document(kind="agreement", version="VERSION", title="服务协议", summary="可以寄送会员证。")
draft.body, draft.manifest = before.body + text, [*before.manifest, promise]
services.save_draft(draft=draft, by=staff, now=now)
announced, effective = now - timedelta(days=8), now + timedelta(seconds=SECONDS)
services.announce(document_id=draft.pk, effective_at=effective, by=staff, now=announced)
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal of this module's own: what takes effect in it asks everybody."""
    with run_portal(tmp_path_factory.mktemp("texts")) as portal:
        yield portal


def announce(portal: Portal, version: str) -> float:
    """Announce a version eight days ago that takes effect in a moment; return when by our clock."""
    code = ANNOUNCE.replace("VERSION", version).replace("SECONDS", str(KNOWN_EVERYWHERE))
    effective = time.monotonic() + KNOWN_EVERYWHERE
    portal.manage("shell", "-c", code)
    return effective + 5


def read_the_notice(doctor: Visitor, version: str) -> None:
    until = time.monotonic() + KNOWN_EVERYWHERE
    notice = doctor.page.locator(".announced").filter(has_text=f"{version} 版")
    while not notice.count() and time.monotonic() < until:
        time.sleep(2)
        doctor.page.goto(doctor.url + "/me/")
    expect(notice).to_be_visible()
    doctor.look()


def type_until_it_binds(doctor: Visitor, effective: float) -> None:
    page = doctor.page
    doctor.go("/me/profile/")
    page.get_by_role("textbox", name="姓名", exact=True).fill("林晚秋")
    time.sleep(max(0.0, effective - time.monotonic()))
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("heading", name="请看看改了什么")).to_be_visible()
    doctor.complaints.clear()  # the console repeats the status 428 itself
    expect(page.get_by_text("您刚才填写的内容还在")).to_be_visible()
    expect(page.get_by_role("checkbox")).not_to_be_checked()
    doctor.look()


def decide_later(doctor: Visitor) -> None:
    page = doctor.page
    page.get_by_role("button", name="明天再决定").click()
    expect(page.get_by_role("heading", name="接着刚才的")).to_be_visible()
    doctor.look()
    page.get_by_role("button", name="继续提交").click()
    expect(page.get_by_role("textbox", name="姓名", exact=True)).to_have_value("林晚秋")
    doctor.go("/me/courses/")
    expect(page).to_have_url(re.compile(r"/me/courses/$"))


def compare(doctor: Visitor, version: str) -> None:
    page = doctor.page
    doctor.go("/policy/accept/?next=/me/courses/")
    expect(page.get_by_text(f"增加信息：收件地址 {version}")).to_be_visible()
    page.get_by_role("link", name=re.compile("逐条对照")).click()
    page.wait_for_url("**/diff/**")
    doctor.look()
    expect(page.get_by_text(f"会员证 {version} 按您填写的地址寄出").first).to_be_visible()
    page.go_back()
    doctor.look()


def accept(doctor: Visitor) -> None:
    page = doctor.page
    page.get_by_role("button", name="同意并继续").click()
    expect(page.get_by_role("alert")).to_contain_text("需要同意《服务协议》才能继续")
    doctor.look()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="同意并继续").click()
    expect(page).to_have_url(re.compile(r"/me/courses/$"))
    doctor.look()


def find_it_among_what_was_agreed(doctor: Visitor, version: str) -> None:
    doctor.go("/me/consents/")
    expect(doctor.page.get_by_role("link", name=re.compile(rf"{re.escape(version)} 版")).first).to_be_visible()
    doctor.go("/policy/accept/")
    expect(doctor.page).not_to_have_url(re.compile("accept"))


def test_a_new_version_loses_nothing_of_who_says_yes_and_locks_nobody_in_who_says_no(visit, portal, screen):
    version = f"2.{screen['width']}"
    doctor, other, inbox = visit(), visit(), visit()
    sign_up(doctor, inbox, "1391235" + str(screen["width"]).zfill(4))
    sign_up(other, inbox, "1391236" + str(screen["width"]).zfill(4))
    effective = announce(portal, version)
    read_the_notice(doctor, version)
    type_until_it_binds(doctor, effective)
    decide_later(doctor)
    compare(doctor, version)
    accept(doctor)
    find_it_among_what_was_agreed(doctor, version)
    say_no(other)
    take_every_way_out(other)


def say_no(doctor: Visitor) -> None:
    doctor.go("/me/courses/")
    page = doctor.page
    expect(page).to_have_url(re.compile(r"/policy/accept/\?next=%2Fme%2Fcourses%2F$"))
    press_by_keyboard(page, "不同意")
    expect(page.get_by_role("heading", name="您没有同意新版")).to_be_visible()
    doctor.look()
    doctor.go("/me/courses/")
    expect(page.get_by_role("heading", name="您没有同意新版")).to_be_visible()


def take_every_way_out(doctor: Visitor) -> None:
    page = doctor.page
    for way_out in ("我的同意", "我们保存什么、多久", "投诉与咨询", "注销账号"):
        page.get_by_role("region", name="不必决定也能用").get_by_role("link", name=way_out).click()
        page.wait_for_url(lambda url: "/policy/accept/" not in url)
        doctor.look()
        page.go_back()
        page.wait_for_url("**/policy/accept/**")


def press_by_keyboard(page: Page, name: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no way to {name}")
