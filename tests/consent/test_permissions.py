"""What a device may do here: asked before use, closed until allowed, and as easily taken back."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission as StaffPermission
from django.core import signing
from django.db import connection
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from complaints.models import Picture
from config.urls import urlpatterns as the_portals
from consent import services
from consent.asking import stays_open
from consent.models import Acceptance, Document, Permission, Recall
from consent.permissions import COOKIE, SALT
from consent.services import Device, Origin, permissions
from tests.factories import attach_pictures, make_case, make_document, make_staff, sign_in

CENTRE = "/me/permissions/"
CHROME = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
HERE = Origin(ip="203.0.113.7", browser=CHROME)
KINDS = Permission.Kind.values
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


@stays_open
def page_with_a_card(request):
    markup = "{% load device_permissions %}<main>{% permission_card 'camera' %}</main>"
    return HttpResponse(engines["django"].from_string(markup).render({}, request))


urlpatterns = [path("here/", page_with_a_card), *the_portals]


@pytest.fixture
def home(alice) -> Client:
    return browser_of(alice)


def browser_of(member, user_agent=CHROME) -> Client:
    return sign_in(Client(headers={"user-agent": user_agent}), member)


def sheet(kind="camera") -> str:
    return Document.objects.current(kind, timezone.now()).digest


def allow(client, kind="camera", **more):
    return client.post(f"{CENTRE}{kind}/allow/", {"digest": sheet(kind), **more})


def decline(client, kind="camera", **more):
    return client.post(f"{CENTRE}{kind}/decline/", more)


def take_back(client, kind="camera", **more):
    return client.post(f"{CENTRE}{kind}/take-back/", more)


def closed(answer, feature="camera") -> bool:
    """Read what the browser is told; a feature is one or the other."""
    told = answer.headers["Permissions-Policy"]
    assert (f"{feature}=()" in told) != (f"{feature}=(self)" in told)
    return f"{feature}=()" in told


def read(client) -> str:
    return client.get(CENTRE).content.decode()


def row(client, kind="camera") -> str:
    return read(client).split(f'<li class="power" id="{kind}"')[1].split("</li>")[0]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def open_elsewhere(member, kind="camera", browser=IPHONE) -> Device:
    device, now = Device(member, uuid4()), timezone.now()
    origin = Origin(ip="203.0.113.8", browser=browser)
    services.open_permission(device=device, kind=kind, digest=sheet(kind), origin=origin, now=now)
    return device


# ── Before ──


def test_everything_is_closed_until_it_is_allowed(home):
    page = home.get(CENTRE)
    assert all(closed(page, feature) for feature in ("camera", "microphone", "geolocation"))
    assert COOKIE not in home.cookies
    assert page.content.decode().count("没有打开过") == len(KINDS)


@pytest.mark.parametrize(
    ("kind", "purpose", "effect"),
    [
        ("location", "附近的课程和会议", "透露行踪"),
        ("camera", "扫描课程二维码", "拍到您和周围的人"),
        ("pictures", "添加图片", "去掉拍摄地点"),
        ("microphone", "语音留言", "让人认出您"),
    ],
)
def test_every_permission_tells_what_it_is_for_and_links_its_sheet(home, kind, purpose, effect):
    shown = row(home, kind)
    assert purpose in shown
    assert effect in shown
    assert f'href="/policy/{kind}/"' in shown
    assert f'value="{sheet(kind)}"' in shown
    assert home.get(f"/policy/{kind}/").status_code == 200


def test_the_page_tells_how_to_take_back_and_that_contacts_are_never_used(home):
    page = words(read(home))
    assert "收回有两种办法：在这里按一下，或者在浏览器的网站设置里关闭" in page
    assert "24 小时内删除" in page
    assert "通讯录 本站不使用" in page


def test_a_visitor_is_asked_to_sign_in(client):
    assert client.get(CENTRE)["Location"].startswith("/account/login/")


# ── Allowing, and taking back ──


@pytest.mark.parametrize(
    ("kind", "feature"), [("location", "geolocation"), ("camera", "camera"), ("microphone", "microphone")]
)
def test_the_header_follows_the_choice_at_the_very_next_response(home, kind, feature):
    assert closed(home.get(CENTRE), feature)
    allow(home, kind)
    others = {"geolocation", "camera", "microphone"} - {feature}
    for page in ("/", CENTRE):
        answer = home.get(page)
        assert not closed(answer, feature)
        assert all(closed(answer, other) for other in others)
    answer = take_back(home, kind)
    assert closed(answer, feature)
    assert closed(home.get(CENTRE), feature)
    assert "已收回" in row(home, kind)


def test_a_choice_leads_back_to_its_row(home):
    assert allow(home)["Location"] == CENTRE + "#camera"
    assert "已允许" in row(home)
    assert "收回相机" in row(home)


@pytest.mark.parametrize("act", [allow, decline, take_back])
@pytest.mark.parametrize(("wanted", "target"), [("/courses/?q=1", "/courses/?q=1"), ("//evil.example/", "/")])
def test_a_choice_leads_on_to_where_the_card_stood_and_never_off_the_site(home, act, wanted, target):
    assert act(home, next=wanted)["Location"] == target


def test_another_member_on_the_same_browser_gets_nothing(home, bob):
    allow(home)
    assert not closed(home.get("/"))
    number = home.cookies[COOKIE].value
    home.logout()
    sign_in(home, bob)
    home.cookies[COOKIE] = number
    assert closed(home.get("/"))
    assert "没有打开过" in row(home)
    assert "Chrome，Windows" not in read(home).split('id="others"')[1]


def test_another_device_of_the_same_member_stays_closed(home, alice):
    allow(home)
    phone = browser_of(alice, IPHONE)
    assert closed(phone.get(CENTRE))
    assert "没有打开过" in row(phone)
    assert "Chrome，Windows" in read(phone).split('id="others"')[1].split("</section>")[0]


def test_who_signs_out_leaves_nothing_open(home):
    allow(home)
    home.get("/")
    home.post("/account/logout/")
    assert closed(home.get("/"))


@pytest.mark.parametrize("forge", ["bare", "signed for something else", "of another key", "nonsense"])
def test_a_forged_number_of_a_device_opens_nothing(home, alice, forge):
    device = open_elsewhere(alice)
    name = device.key.hex
    home.cookies[COOKIE] = {
        "bare": name,
        "signed for something else": signing.get_cookie_signer(salt=COOKIE + "gate").sign(name),
        "of another key": signing.TimestampSigner(key="guessed", salt=COOKIE + SALT).sign(name),
        "nonsense": "\x00;:",
    }[forge]
    assert closed(home.get(CENTRE))
    home.cookies[COOKIE] = signing.get_cookie_signer(salt=COOKIE + SALT).sign(name)
    assert not closed(home.get(CENTRE)), "the number itself is right"


def test_a_sheet_that_is_no_longer_in_force_is_agreed_to_by_nobody(home):
    seen = sheet()
    make_document(kind="camera", version="2.0", body="新的用途。", effective_at=timezone.now() - timedelta(minutes=1))
    answer = home.post(f"{CENTRE}camera/allow/", {"digest": seen}, follow=True)
    assert "相机权限的说明有了新版" in answer.content.decode()
    assert closed(answer)
    assert COOKIE not in home.cookies
    assert not Permission.objects.exists()
    assert not Acceptance.objects.about(["camera"]).exists()
    allow(home)
    assert not closed(home.get(CENTRE))


@pytest.mark.parametrize("act", ["allow", "decline", "take-back", "browser"])
@pytest.mark.parametrize("kind", ["contacts", "gate", "privacy"])
def test_there_are_four_permissions_and_no_other(home, act, kind):
    said = {"digest": sheet("privacy"), "state": "denied"}
    assert home.post(f"{CENTRE}{kind}/{act}/", said).status_code == 404


def test_before_its_sheet_is_published_a_permission_cannot_be_allowed(home, monkeypatch):
    monkeypatch.setattr("consent.timeline.Timeline.in_force", lambda *_: {})
    assert "公布之前，这一项不能打开" in row(home)
    assert "<button" not in row(home)
    for act in ("allow", "decline"):
        assert home.post(f"{CENTRE}camera/{act}/", {"digest": ""}).status_code == 404
    assert not Permission.objects.exists()


# ── Other devices ──


def test_a_device_is_closed_from_another_one(home, alice):
    lost = open_elsewhere(alice)
    allow(home)
    assert "收回相机，Safari，iPhone" in read(home)
    take_back(home, device=lost.key.hex)
    assert "收回相机，Safari，iPhone" not in read(home)
    assert not closed(home.get(CENTRE)), "this one stays open"
    assert Permission.objects.open().get().device != lost.key
    assert home.cookies[COOKIE].value.partition(":")[0] != lost.key.hex


def test_nobody_closes_somebody_elses_device(home, bob):
    his = open_elsewhere(bob)
    assert his.key.hex not in read(home)
    assert take_back(home, device=his.key.hex).status_code == 404
    assert Permission.objects.open().get().member == bob
    assert not Recall.objects.exists()


@pytest.mark.parametrize("junk", ["", "x", "\0", "6356df4d-8742-4806-a274-1abf63033078", "1" * 33])
def test_a_device_that_does_not_exist_is_not_found(home, junk):
    allow(home)
    assert take_back(home, device=junk).status_code == 404
    assert not closed(home.get(CENTRE))


def test_taking_back_twice_is_one_event(home):
    allow(home)
    take_back(home)
    take_back(home)
    assert Acceptance.objects.about(["camera"]).filter(action="withdrawn").count() == 1
    assert Recall.objects.count() == 1


# ── The card ──


@pytest.mark.urls(__name__)
def test_a_card_tells_purpose_effect_and_the_way_back_before_the_browser_asks(home):
    card = home.get("/here/?x=1").content.decode()
    for told in (
        "扫描课程二维码",
        "拍到您和周围的人",
        "在浏览器的网站设置里关闭",
        f'href="{CENTRE}"',
        f"{CENTRE}camera/decline/",
    ):
        assert told in card
    assert 'name="next" value="/here/?x=1"' in card
    assert "csrfmiddlewaretoken" in card


@pytest.mark.urls(__name__)
def test_a_card_goes_once_the_permission_is_open_and_returns_when_it_is_taken_back(home):
    allow(home)
    assert "<form" not in home.get("/here/").content.decode()
    take_back(home)
    assert "<form" in home.get("/here/").content.decode()


@pytest.mark.urls(__name__)
def test_who_said_no_is_left_in_peace_for_ninety_days(home, alice):
    first_day = timezone.now()
    with time_machine.travel(first_day, tick=False):
        decline(home)
        assert "<form" not in home.get("/here/").content.decode()
        assert "之前不再询问" in row(home)
        assert "允许相机" in row(home), "the centre is there for who changes their mind"
    for days, asked in ((89, False), (91, True)):
        with time_machine.travel(first_day + timedelta(days=days), tick=False):
            sign_in(home, alice)
            assert ("<form" in home.get("/here/").content.decode()) is asked
            assert ("之前不再询问" not in row(home)) is asked


@pytest.mark.urls(__name__)
def test_a_no_on_one_device_is_no_answer_for_another(home, alice):
    decline(home)
    assert "<form" not in home.get("/here/").content.decode()
    assert "<form" in browser_of(alice, IPHONE).get("/here/").content.decode()


@pytest.mark.urls(__name__)
def test_a_visitor_is_shown_no_card(client):
    assert "<form" not in client.get("/here/").content.decode()


def test_a_no_to_a_card_left_in_another_tab_takes_back_what_was_allowed_meanwhile(home):
    allow(home)
    decline(home)
    assert closed(home.get(CENTRE))
    assert Recall.objects.get().kind == "camera"
    assert Acceptance.objects.newest_first()[0].action == "withdrawn"
    assert "可以使用相机吗" not in home.get("/here/").content.decode()


# ── The browser's own settings ──


def test_closing_it_in_the_browser_arrives(home):
    allow(home)
    answer = home.post(f"{CENTRE}camera/browser/", {"state": "denied"})
    assert answer.json() == {"open": False}
    assert closed(answer)
    page = read(home)
    assert "浏览器关闭了相机，我们已按收回处理" in page
    assert "已收回" in row(home)
    assert Recall.objects.get().kind == "camera"


def test_two_tabs_that_both_tell_are_one_withdrawal(home):
    allow(home)
    for _ in range(2):
        assert home.post(f"{CENTRE}camera/browser/", {"state": "denied"}).json() == {"open": False}
    assert Acceptance.objects.about(["camera"]).filter(action="withdrawn").count() == 1


def test_a_yes_to_the_browser_is_no_consent_to_us(home):
    assert home.post(f"{CENTRE}camera/browser/", {"state": "granted"}).json() == {"open": False}
    assert closed(home.get(CENTRE))
    assert not Acceptance.objects.about(["camera"]).exists()
    allow(home)
    assert home.post(f"{CENTRE}camera/browser/", {"state": "granted"}).json() == {"open": True}
    assert not closed(home.get(CENTRE))


def test_what_the_browser_cannot_say_changes_nothing(home):
    allow(home)
    assert home.post(f"{CENTRE}camera/browser/", {"state": "maybe"}).status_code == 400
    assert not closed(home.get(CENTRE))


def test_a_script_needs_the_token_of_the_page(alice):
    careful = sign_in(Client(enforce_csrf_checks=True), alice)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', read(careful))[1]
    told, tell = {"X-CSRFToken": token}, f"{CENTRE}camera/browser/"
    assert careful.post(f"{CENTRE}camera/allow/", {"digest": sheet()}, headers=told).status_code == 302
    assert careful.post(tell, {"state": "denied"}).status_code == 403
    assert not closed(careful.get(CENTRE))
    assert careful.post(tell, {"state": "denied"}, headers=told).json() == {"open": False}


def test_a_tab_learns_what_another_device_decided(home, alice):
    shown = re.search(r'data-mark="(\w+)"', read(home))[1]
    assert home.get(f"{CENTRE}mark/").content.decode() == shown
    device = open_elsewhere(alice)
    assert home.get(f"{CENTRE}mark/").content.decode() != shown
    services.close_permission(device=device, kind="camera", origin=HERE, now=timezone.now())
    assert home.get(f"{CENTRE}mark/").content.decode() == shown


# ── What was collected ──


@pytest.fixture
def collected(alice):
    """Three pictures from another device, on which nothing is open any more."""
    attached = attach_pictures(make_case(member=alice), sources=["pictures"] * 3)
    Permission.objects.all().delete()
    return attached


def test_only_the_last_device_that_closes_has_everything_deleted_and_the_page_says_by_when(home, alice, collected):
    open_elsewhere(alice, "pictures")
    allow(home, "pictures")
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        page = home.post(f"{CENTRE}pictures/take-back/", follow=True).content.decode()
        assert "其他设备上仍然允许" in page
        assert not Recall.objects.exists()
        other = re.search(r'name="device" value="(\w+)"', page)[1]
        page = home.post(f"{CENTRE}pictures/take-back/", {"device": other}, follow=True).content.decode()
    recall = Recall.objects.get()
    assert (recall.member, recall.kind, recall.due_at) == (alice, "pictures", now + timedelta(hours=24))
    by = timezone.localtime(recall.due_at)
    until = f"{by.month}月{by.day}日 {by:%H:%M}"
    assert f"用相册权限收集的 3 张图片将在 {until} 之前删除" in words(page)


def test_a_duty_that_is_done_tells_how_much_went(home, collected):
    allow(home, "pictures")
    take_back(home, "pictures")
    assert services.carry_out_recalls(now=timezone.now()) == 1
    page = words(read(home))
    assert re.search(r"用相册权限收集的 3 张图片，已于 \d+月\d+日 \d\d:\d\d 删除", page)
    assert "之前删除" not in page.split("收回之后的删除")[1]


def test_what_came_while_it_was_open_again_goes_too_when_that_is_taken_back_before_the_duty_was_done(alice):
    device, began = Device(alice, uuid4()), timezone.now()
    for step in range(2):
        moment = began + timedelta(seconds=10 * step)
        with time_machine.travel(moment, tick=False):
            sent = {"origin": HERE, "now": moment}
            services.open_permission(device=device, kind="pictures", digest=sheet("pictures"), **sent)
            attach_pictures(make_case(member=alice), sources=["pictures"])
            services.close_everywhere(member=alice, kind="pictures", origin=HERE, now=moment)
    duty = Recall.objects.get()
    assert (duty.due_at, duty.asked_at) == (began + timedelta(hours=24), began + timedelta(seconds=10))
    services.carry_out_recalls(now=began + timedelta(seconds=30))
    assert not Picture.objects.exists()


def test_a_duty_that_is_late_says_so(home, collected):
    allow(home, "pictures")
    take_back(home, "pictures")
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert "本应在" in words(read(home))


def test_a_deletion_that_fails_is_tried_again_and_holds_up_nobody_elses(home, alice, bob, collected, monkeypatch):
    allow(home, "pictures")
    take_back(home, "pictures")
    his = attach_pictures(make_case(member=bob), sources=["pictures"])
    services.close_everywhere(member=bob, kind="pictures", origin=HERE, now=timezone.now())
    deleting = permissions._delete

    def fail_for_alice(entry, rows):
        if rows.filter(pk__in=[one.pk for one in collected]).exists():
            raise OSError("disk")
        return deleting(entry, rows)

    monkeypatch.setattr(permissions, "_delete", fail_for_alice)
    now = timezone.now()
    assert services.carry_out_recalls(now=now) == 1
    assert not Picture.objects.filter(pk=his[0].pk).exists()
    waiting = Recall.objects.get(member=alice)
    assert (waiting.done_at, waiting.attempts, waiting.next_attempt_at) == (None, 1, now + timedelta(minutes=1))
    assert services.carry_out_recalls(now=now) == 0
    monkeypatch.undo()
    assert services.carry_out_recalls(now=now + timedelta(minutes=1)) == 1
    assert not Picture.objects.exists()


def test_a_deletion_that_is_late_is_on_the_front_page_of_the_desk(client, settings, home, collected):
    settings.STAFF_SECOND_STEP = False
    allow(home, "pictures")
    take_back(home, "pictures")
    agent = make_staff()
    agent.user_permissions.add(StaffPermission.objects.get(codename="view_recall"))
    sign_in(client, agent)
    assert "项收回权限后的删除" not in client.get("/admin/").content.decode()
    Recall.objects.update(due_at=timezone.now() - timedelta(hours=1))
    page = client.get("/admin/").content.decode()
    assert "项收回权限后的删除已经超期" in page
    (duty,) = Recall.objects.all()
    listed = client.get("/admin/consent/recall/?done_at__isempty=1").content.decode()
    assert f"/admin/consent/recall/{duty.pk}/change/" in listed
    assert duty.member.email not in listed + client.get(f"/admin/consent/recall/{duty.pk}/change/").content.decode()
    assert client.post(f"/admin/consent/recall/{duty.pk}/delete/", {"post": "yes"}).status_code == 403


def test_where_nothing_was_collected_the_page_says_that_too(home):
    allow(home)
    take_back(home)
    assert "现在没有用相机权限收集的内容" in read(home)
    services.carry_out_recalls(now=timezone.now())
    assert "没有用相机权限收集的内容需要删除" in read(home)


def test_what_becomes_of_somebody_elses_things_is_not_shown(home, bob):
    device = open_elsewhere(bob)
    services.close_permission(device=device, kind="camera", origin=HERE, now=timezone.now())
    assert Recall.objects.exists()
    assert "收回之后的删除" not in read(home)


def test_closing_everywhere_costs_the_same_for_ten_devices_and_is_said_once(alice):
    costs = []
    for devices in (1, 1, 10):  # the first makes the duty
        for _ in range(devices):
            device, moment = Device(alice, uuid4()), timezone.now()
            services.open_permission(device=device, kind="camera", digest=sheet(), origin=HERE, now=moment)
        with CaptureQueriesContext(connection) as asked:
            services.close_everywhere(member=alice, kind="camera", origin=HERE, now=timezone.now())
        costs.append(len(asked))
    assert costs[1] == costs[2]
    assert not Permission.objects.open().exists()
    assert Acceptance.objects.filter(action="withdrawn").count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_devices_that_close_at_once_make_one_duty(alice):
    pairs = [(open_elsewhere(alice, kind), kind) for kind in KINDS for _ in range(2)]
    for kind in KINDS:
        both, gate = [pair for pair in pairs if pair[1] == kind], Barrier(2)

        def close(pair, gate=gate):
            try:
                gate.wait(5)
                return services.close_permission(device=pair[0], kind=pair[1], origin=HERE, now=timezone.now())
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            closed = list(pool.map(close, both))
        assert sorted(one.recall is None for one in closed) == [False, True]
    assert Recall.objects.count() == len(KINDS)
    alice.refresh_from_db()
    assert alice.open_permissions == {}


# ── The record ──


def test_every_choice_is_in_the_record_with_its_sheet_and_its_evidence(home, alice):
    decline(home)
    allow(home)
    take_back(home)
    allow(home)
    home.post(f"{CENTRE}camera/browser/", {"state": "denied"})
    said = list(Acceptance.objects.for_member(alice).about(["camera"]).order_by("at", "pk"))
    assert [one.action for one in said] == ["refused", "given", "withdrawn", "given", "withdrawn"]
    assert {one.sha256 for one in said} == {sheet()}
    assert {(one.evidence.ip, one.evidence.browser) for one in said} == {("127.0.0.1", CHROME)}
    history = words(read(home).split('id="history"')[1])
    assert history.count("相机，1.0 版 Chrome，Windows") == 5
    assert history.index("撤回相机") < history.index("拒绝相机"), "the newest first"


def test_the_history_is_ones_own_and_ends_after_twenty_lines(home, bob):
    open_elsewhere(bob, "microphone")
    for _ in range(11):
        allow(home)
        take_back(home)
    history = read(home).split('id="history"')[1]
    assert history.count('class="power-said"') == 20
    assert "同意麦克风" not in history


def test_twenty_devices_cost_as_many_queries_as_one(home, alice, queries, client, collected):
    sign_in(client, alice)
    allow(client)
    take_back(client)
    for kind in KINDS:
        open_elsewhere(alice, kind)
    client.get(CENTRE)
    one = queries(CENTRE)
    for _ in range(19):
        for kind in KINDS:
            open_elsewhere(alice, kind)
    for kind in ("pictures", "microphone"):
        services.close_everywhere(member=alice, kind=kind, origin=HERE, now=timezone.now())
    assert queries(CENTRE) == one
    assert one <= 6
