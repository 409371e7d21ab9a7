"""A doctor and a member of the staff walk the whole way, on a phone and on a desktop."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Portal, Visitor

PASSWORD = "a quiet ward at dawn"
PROFESSIONAL = "/courses/postpartum-haemorrhage/"


def read_code(inbox: Visitor, phone: str) -> str:
    """Wait for six digits that went to a number, and were not read here before."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        inbox.page.goto(inbox.url + "/demo/inbox/")
        letters = inbox.page.locator(".inbox > li").filter(has_text=phone)
        for code in re.findall(r"\b\d{6}\b", "\n".join(letters.all_inner_texts())):
            if code not in inbox.codes:
                inbox.codes.add(code)
                return code
        time.sleep(0.3)
    raise AssertionError(f"no code for {phone}")


def sign_up(doctor: Visitor, inbox: Visitor, phone: str) -> None:
    doctor.go("/account/signup/")
    page = doctor.page
    page.get_by_label("手机号").fill(phone)
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="注册", exact=True).click()
    doctor.look()
    expect(page.get_by_text("需要同意《服务协议》才能继续").first).to_be_visible()
    expect(page.get_by_label("手机号")).to_have_value(re.compile(phone))
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    for box in ("服务协议", "隐私政策", "年满 18"):
        page.get_by_role("checkbox", name=re.compile(box)).check()
    page.get_by_role("button", name="注册", exact=True).click()
    doctor.look()
    page.get_by_label(re.compile("验证码")).fill("000000")
    page.get_by_role("button", name="确认").click()
    doctor.look()
    page.get_by_label(re.compile("验证码")).fill(read_code(inbox, phone))
    page.get_by_role("button", name="确认").click()
    doctor.look()
    expect(page).to_have_url(re.compile(r"/me/$"))


def sign_in(person: Visitor, login: str, password: str) -> None:
    person.go("/account/login/")
    person.page.get_by_label(re.compile("手机号或邮箱|账号")).fill(login)
    person.page.get_by_label("密码", exact=True).fill(password)
    person.page.get_by_role("button", name="登录", exact=True).click()
    person.page.wait_for_load_state()


def browse_past_the_gate(doctor: Visitor) -> None:
    page = doctor.page
    doctor.go("/")
    doctor.go("/courses/?q=" + "出血")
    expect(page.get_by_role("link", name=re.compile("产后出血")).first).to_be_visible()
    doctor.go("/courses/?q=没有这门课")
    doctor.go(PROFESSIONAL)
    page.locator("a.list__link").first.click()
    doctor.look()
    doctor.go("/gate/?next=" + PROFESSIONAL)
    page.get_by_role("button", name=re.compile("继续")).click()
    expect(page).to_have_url(doctor.url + PROFESSIONAL)
    doctor.look()


def pay_at_the_cashier(doctor: Visitor) -> None:
    page = doctor.page
    doctor.go(PROFESSIONAL + "buy/")
    page.get_by_role("radio", name=re.compile("支付宝")).check()
    page.get_by_role("button", name=re.compile("提交订单")).click()
    page.wait_for_load_state()
    page.get_by_role("button", name="确认付款").click()
    expect(page.get_by_text("付款成功，课程已开通")).to_be_visible(timeout=60_000)
    doctor.look()
    page.get_by_role("link", name="开始学习").click()
    doctor.look()


def watch_a_lesson(doctor: Visitor) -> None:
    page = doctor.page
    lessons = page.locator("a.list__link").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    for href in lessons:
        doctor.go(href)
        if page.locator("video").count():
            break
    video = page.locator("video")
    expect(video).to_be_visible()
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    length = video.evaluate("video => video.duration")
    assert length > 5
    video.evaluate(
        "(video, to) => new Promise(done => { video.onseeked = done; video.currentTime = to; })", length * 0.8
    )
    assert video.evaluate("video => video.currentTime") > length * 0.7


def buy_with_a_saved_account(doctor: Visitor) -> None:
    page = doctor.page
    doctor.go("/me/payment-accounts/")
    page.get_by_role("checkbox", name=re.compile("单独同意")).check()
    page.get_by_role("button", name=re.compile("签约")).click()
    page.get_by_role("button", name="同意并签约").click()
    page.wait_for_url(re.compile(r"/me/payment-accounts/"))
    expect(page.get_by_role("button", name=re.compile("忘记")).first).to_be_visible(timeout=60_000)
    doctor.go("/me/payment-accounts/")
    doctor.go("/courses/fetal-heart-monitoring/buy/")
    page.get_by_role("radio", name=re.compile("已保存")).check()
    page.get_by_role("button", name=re.compile("提交订单")).click()
    expect(page.get_by_text("付款成功，课程已开通")).to_be_visible(timeout=60_000)
    doctor.look()
    doctor.go("/me/payment-accounts/")
    page.get_by_role("button", name=re.compile("忘记")).first.click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="忘记")
    confirm.click()
    page.wait_for_load_state()
    until = time.monotonic() + 60
    while page.get_by_text("没有保存支付账号").count() == 0 and time.monotonic() < until:
        time.sleep(0.5)
        page.goto(doctor.url + "/me/payment-accounts/")
    expect(page.get_by_text("没有保存支付账号")).to_be_visible()


def complain(doctor: Visitor, subject: str) -> str:
    page = doctor.page
    doctor.go("/complaints/")
    doctor.go("/complaints/new/complaint/")
    page.get_by_label("标题", exact=False).first.fill(subject)
    page.get_by_role("button", name=re.compile("提交")).click()
    doctor.look()
    expect(page.get_by_label("标题", exact=False).first).to_have_value(subject)
    page.locator("textarea").first.fill("第二课的图片在手机上看不清楚，请换一张大一些的。")
    page.get_by_role("button", name=re.compile("提交")).click()
    doctor.look()
    expect(page.get_by_text("最晚在")).to_be_visible()
    return page.locator(".receipt__number").first.inner_text()


def answer(staff: Visitor, number: str) -> None:
    page = staff.page
    page.goto(staff.url + "/admin/")
    staff.look_at_admin()
    page.goto(staff.url + f"/admin/complaints/case/?q={number}")
    page.get_by_role("link", name=number).click()
    staff.look_at_admin()
    page.get_by_role("button", name="由我经办").click()
    page.get_by_label("写给提出人的话").fill("谢谢您告诉我们，图片已经换成大图。")
    page.get_by_role("button", name="发送答复").click()
    page.wait_for_load_state()
    expect(page.get_by_text("图片已经换成大图").first).to_be_visible()


def read_the_answer(doctor: Visitor, inbox: Visitor, number: str, phone: str) -> None:
    doctor.go("/me/complaints/")
    doctor.page.get_by_role("link", name=re.compile("看不清|图片")).first.click()
    doctor.look()
    expect(doctor.page.get_by_text("图片已经换成大图")).to_be_visible()
    inbox.page.goto(inbox.url + "/demo/inbox/")
    letters = inbox.page.locator(".inbox > li").filter(has_text=phone[-4:])
    expect(letters.filter(has_text="答复").first).to_be_visible()


def leave(doctor: Visitor, inbox: Visitor, phone: str) -> None:
    page = doctor.page
    doctor.go("/me/")
    doctor.go("/me/close/")
    page.get_by_role("textbox", name="登录密码").fill("wrong password here")
    page.get_by_role("button", name="注销账号").click()
    doctor.look()
    page.get_by_role("textbox", name="登录密码").fill(PASSWORD)
    page.get_by_role("button", name="注销账号").click()
    doctor.look()
    number = page.locator(".receipt__number").inner_text()
    doctor.go("/me/")
    expect(page).to_have_url(re.compile(r"/account/login/"))
    sign_in(doctor, phone, PASSWORD)
    doctor.look()
    expect(page).to_have_url(re.compile(r"/me/closing/"))
    doctor.go("/courses/")
    page.goto(doctor.url + "/me/orders/")
    expect(page).to_have_url(re.compile(r"/me/closing/"))
    page.get_by_role("textbox", name="登录密码").fill(PASSWORD)
    page.get_by_role("button", name="现在就删除").click()
    page.wait_for_load_state()
    until = time.monotonic() + 90
    while page.get_by_text("账号已删除").count() == 0 and time.monotonic() < until:
        time.sleep(1)
        page.goto(doctor.url + f"/goodbye/{number}/")
    doctor.look()
    expect(page.get_by_role("heading", name="账号已删除")).to_be_visible()


def test_a_doctor_comes_learns_buys_complains_and_leaves(visit, portal: Portal, screen):
    doctor, inbox, staff = visit(), visit(), visit()
    phone = "1391234" + str(screen["width"]).zfill(4)
    sign_up(doctor, inbox, phone)
    browse_past_the_gate(doctor)
    pay_at_the_cashier(doctor)
    watch_a_lesson(doctor)
    buy_with_a_saved_account(doctor)
    number = complain(doctor, "图片看不清")
    sign_in(staff, "support@example.com", portal.passwords["support"])
    answer(staff, number)
    read_the_answer(doctor, inbox, number, phone)
    leave(doctor, inbox, phone)


@pytest.mark.parametrize(
    "path",
    ["/", "/courses/", "/courses/postpartum-haemorrhage/", "/complaints/", "/complaints/new/consultation/",
     "/account/login/", "/account/signup/?by=email", "/account/password/reset/", "/account/login/code/",
     "/policy/agreement/", "/policy/privacy/", "/policy/gate/", "/policy/payment_account/",
     "/policy/inventory/", "/policy/privacy/diff/1.0/1.1/", "/demo/inbox/"],
)  # fmt: skip
def test_what_anybody_sees_is_well_made(visit, path):
    visit().go(path)


@pytest.mark.parametrize("path", ["/me/", "/me/profile/", "/me/orders/", "/me/courses/", "/me/payment-accounts/",
                                  "/me/complaints/", "/me/close/", "/me/consents/", "/me/permissions/",
                                  "/me/visits/", "/me/export/", "/me/partners/", "/policy/inventory/",
                                  "/account/sessions/", "/account/2fa/",
                                  "/account/password/change/", "/account/email/"])  # fmt: skip
def test_what_a_member_sees_is_well_made(visit, portal, path):
    doctor = visit()
    sign_in(doctor, "doctor@example.com", portal.passwords["doctor"])
    doctor.go(path)


def test_a_page_that_is_not_there_says_so_kindly(visit):
    visitor = visit()
    visitor.page.goto(visitor.url + "/nothing/")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.look()
    visitor.complaints.clear()  # the console repeats the 404 itself
