"""Nothing in a request waits for mail, SMS, broker, cache or payment channel: what they do are rows, sent by the clock.

Each part stands behind a door that is shut (refused) or jammed (hung); the code is the production's. As a rule a
request takes less than a tenth of a second, and half a second more for who finds out that the cache is jammed; three
seconds is the promise.
"""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from django_cryptography.utils.crypto import InvalidToken

from accounts import services, tasks
from accounts.models import Closure, Message, User
from complaints.models import Case, Entry
from config import cache as config_cache
from config.celery import BEAT_SCHEDULE, app
from courses import services as courses
from courses.models import Order, Payment, PaymentAccount
from tests.factories import (
    last_code,
    make_course,
    make_member,
    make_payment_account,
    make_phone_member,
    make_staff,
    sign_in,
)
from tests.outages import HUNG, OPEN, PARTS, REFUSED, House
from tests.workers import Workers, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
NEW_PHONE, CAROLS = "+8613800138000", "+8613900139000"
TOKENS = {"charged": "20265215715271617001", "forgotten": "20265215715271617002"}


@pytest.fixture
def house(settings, tmp_path, monkeypatch):
    with ExitStack() as stack:
        parts = House(stack, tmp_path / "alipay", settings)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", parts.doors["mail"].port
        settings.SMS_BACKEND = "accounts.sms.aliyun.Backend"
        settings.ALIYUN_SMS = {
            "access_key_id": "id",
            "access_key_secret": "secret",
            "sign_name": "妇产科网",
            "templates": {"code": "SMS_1", "taken": "SMS_2", "unknown": "SMS_3", "notice": "SMS_4", "alert": "SMS_5"},
            "endpoint": f"127.0.0.1:{parts.doors['sms'].port}",
            "protocol": "http",
        }
        settings.REDIS_URL = parts.redis_url("broker", 0)
        monkeypatch.setattr(app.conf, "broker_url", settings.REDIS_URL)
        location = parts.redis_url("cache", 1)
        settings.CACHES = {name: {**said, "LOCATION": location} for name, said in settings.CACHES.items()}
        settings.ALIPAY = {**settings.ALIPAY, "gateway": f"http://127.0.0.1:{parts.doors['channel'].port}/gateway.do"}
        yield parts
        parts.put("everything", OPEN)
        wake()


def wake() -> None:
    """Forget which parts did not answer a moment ago, and let every row be due."""
    config_cache._Outage.until = 0.0
    cache.clear()
    now = timezone.now()
    Message.objects.waiting().update(next_attempt_at=now)
    Payment.objects.open().update(next_attempt_at=now)
    PaymentAccount.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=now)


# The pages


class Visitor:
    """A browser that looks at the clock."""

    def __init__(self, member: User | None = None) -> None:
        self.client = Client()
        if member is not None:
            sign_in(self.client, member)

    def get(self, path: str, **expected: str) -> str:
        return self._ask(lambda: self.client.get(path), path, **expected)

    def post(self, path: str, data: dict[str, object], **expected: str) -> str:
        return self._ask(lambda: self.client.post(path, data), path, **expected)

    def _ask(self, ask, path: str, *, says: str = "", leads: str = "") -> str:
        """Return where one is led, or the page."""
        begun = time.monotonic()
        answer = ask()
        took = time.monotonic() - begun
        assert took < 3, f"{path} took {took:.1f} s"
        page = answer.content.decode()
        assert answer.status_code == (302 if leads else 200), page
        assert re.match(leads, answer.headers.get("Location", "")), answer.headers
        assert says in page, page
        return answer["Location"] if leads else page


def look_around() -> None:
    anyone = Visitor()
    anyone.get("/", says="</html>")
    anyone.get("/courses/", says="宫颈筛查")
    anyone.get("/healthz", says="ok")


def sign_up(by: str, contact: str, confirm: str) -> None:
    anyone = Visitor()
    page = anyone.get(f"/account/signup/?by={by}", says="我已年满 18 周岁")
    seen = dict(re.findall(r'name="(seen_\w+)" value="(\w+)"', page))
    boxes = dict.fromkeys(["accept_agreement", "accept_privacy", "adult"], "on")
    anyone.post("/account/signup/", {"by": by, by: contact, "password1": PASSWORD, **seen, **boxes}, leads=confirm)
    anyone.get(confirm, says="验证码")
    anyone.post(confirm, {"code": last_code(contact), "action": "verify"}, leads="/me/")
    anyone.get("/me/", says="</html>")


def come_back(email: str, phone: str) -> None:
    Visitor().post("/account/login/", {"login": email, "password": PASSWORD}, leads="/me/")
    for contact in (email, phone):
        anyone = Visitor()
        anyone.post("/account/login/code/", {"login": contact}, leads="/account/login/code/confirm/")
        anyone.post("/account/login/code/confirm/", {"code": last_code(contact)}, leads="/me/")
    anyone = Visitor()
    anyone.post("/account/password/reset/", {"login": email}, leads="/account/password/reset/confirm/")
    anyone.get("/account/password/reset/confirm/", says="验证码")


def shop(buyer: Visitor, charged: PaymentAccount, forgotten: PaymentAccount) -> None:
    buyer.post("/courses/ccs/buy/", {"way": "alipay"}, leads="http://127.0.0.1:.*alipay.trade.page.pay")
    order = Order.objects.get(course__slug="ccs").get_absolute_url()
    buyer.get(f"{order}returned/", leads=order)
    buyer.get(order, says="待付款")
    debited = buyer.post("/courses/ctg/buy/", {"way": f"account-{charged.pk}"}, leads="/orders/")
    buyer.get(debited, says="正在从保存的支付账号扣款")
    buyer.post(f"/me/payment-accounts/{forgotten.pk}/forget/", {}, leads="/me/payment-accounts/")
    buyer.get("/me/payment-accounts/", says="已停用这个支付账号")


def complain(member: Visitor, staff: Visitor) -> None:
    words = {"subject": "课程放不出来", "body": "第二讲打开以后一直是黑的。"}
    form = "/complaints/new/complaint/"
    mine = member.post(form, {**words, "form_token": uuid4()}, leads="/me/complaints/")
    member.get(mine, says="已用 0 天 / 15 天")
    left = {"contact_email": "visitor@example.com", "form_token": uuid4()}
    Visitor().post(form, {**words, **left}, leads="/complaints/")
    for case in Case.objects.all():
        page = f"/admin/complaints/case/{case.pk}/"
        staff.post(f"{page}answer/", {"body": "请刷新。", "seen": 1}, leads=page)
        staff.get(f"{page}change/", says="答复已发出")


def leave(member: Visitor) -> None:
    member.get("/me/close/", says="注销")
    goodbye = member.post("/me/close/", {"password": PASSWORD}, leads="/goodbye/")
    member.get(goodbye, says=Closure.objects.get().number)
    member.get("/me/", leads="/account/login/")


@pytest.fixture
def town(documents, house):
    """Everybody who does something on this day, and what is sold."""
    make_course(slug="ccs", title="宫颈筛查")
    make_course(slug="ctg", title="胎心监护")
    alice, erin = known("alice@example.com"), known("erin@example.com")
    make_phone_member(phone=CAROLS)
    accounts = {name: agreed(house, alice, token) for name, token in TOKENS.items()}
    return {"alice": alice, "erin": erin, "staff": make_staff(role="客服"), **accounts}


def known(email: str) -> User:
    member = make_member(email=email)
    EmailAddress.objects.create(user=member, email=email, verified=True, primary=True)
    return member


def agreed(house: House, member: User, token: str) -> PaymentAccount:
    """Save an account that the channel knows too."""
    account, now = make_payment_account(member=member, token=token), time.time()
    known_there = {"request_no": account.request_no, "agreement_no": token, "ticket": token, "status": "NORMAL"}
    house.channel.book.add("agreements", **known_there, notify_url="", return_url="", expires=now, signed=now)
    return account


def spend_the_day(town) -> None:
    look_around()
    sign_up("phone", NEW_PHONE, "/account/phone/verify/")
    sign_up("email", "new@example.com", "/account/confirm-email/")
    come_back("alice@example.com", CAROLS)
    alice = Visitor(town["alice"])
    shop(alice, town["charged"], town["forgotten"])
    complain(alice, Visitor(town["staff"]))
    leave(Visitor(town["erin"]))


# What is left of the day, and what the clock makes of it

MAIL = ["alice@example.com"] * 3 + ["erin@example.com", "new@example.com", "visitor@example.com"]
SMS = ["13800138000", "13900139000"]


def messages_now() -> dict[str, tuple[int, int, int]]:
    """Count by channel what waits untried, what waits after a try, and what left."""
    tried = Message.objects.waiting().exclude(error="").exclude(to=None)
    return {
        channel: (
            Message.objects.waiting().filter(channel=channel, attempts=0).exclude(body=None).count(),
            tried.filter(channel=channel, attempts=1, next_attempt_at__gt=F("created_at")).count(),
            Message.objects.filter(channel=channel, sent_at__isnull=False, to=None, body=None).count(),
        )
        for channel in ("mail", "sms")
    }


def payments_now() -> list[tuple[str, str, int]]:
    return sorted(Payment.objects.values_list("way", "state", "attempts"))


def assert_the_day_is_written_down() -> None:
    assert messages_now() == {"mail": (6, 0, 0), "sms": (2, 0, 0)}
    assert payments_now() == [("cashier", "pending", 0), ("debit", "created", 0)]
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}
    assert sorted(PaymentAccount.objects.values_list("state", "attempts")) == [("forgetting", 0), ("live", 0)]
    assert list(Case.objects.values_list("status", flat=True)) == ["answered"] * 2
    assert Entry.objects.filter(voice="staff").count() == 2
    assert Closure.objects.get().state == "cooling"
    assert User.objects.with_proven_phone(NEW_PHONE).adult_at is not None
    assert EmailAddress.objects.get(email="new@example.com").verified


def let_the_clock_tick() -> float:
    """Run everything that is scheduled, once; return how long the slowest took."""
    slowest = 0.0
    for task in BEAT_SCHEDULE:
        begun = time.monotonic()
        import_string(task)()
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def assert_only_this_part_is_missing(part: str, house: House) -> None:
    down = set(PARTS) if part == "everything" else {part}
    assert messages_now() == {
        "mail": (0, 6, 0) if "mail" in down else (0, 0, 6),
        "sms": (0, 2, 0) if "sms" in down else (0, 0, 2),
    }
    if "channel" in down:
        assert Order.objects.filter(status="pending").count() == 2
        assert house.channel.book.all("trades") == []
        assert PaymentAccount.objects.get(state="forgetting").token == TOKENS["forgotten"]


def assert_all_is_done_once(house: House) -> None:
    assert (house.letters(), house.texts()) == (MAIL, SMS)
    assert messages_now() == {"mail": (0, 0, 6), "sms": (0, 0, 2)}
    trades = house.channel.book.all("trades")
    assert [(trade["amount"], trade["status"]) for trade in trades] == [("199.00", "TRADE_SUCCESS")]
    assert Order.objects.get(course__slug="ctg").is_paid
    assert Order.objects.get(course__slug="ccs").is_pending
    assert [row["agreement_no"] for row in house.channel.book.all("agreements", status="UNSIGN")] == [
        TOKENS["forgotten"]
    ]
    assert PaymentAccount.objects.get().state == "live"


@pytest.mark.parametrize("part", [*PARTS, "everything"])
@pytest.mark.parametrize("mood", [REFUSED, HUNG])
def test_every_page_answers_and_the_clock_does_the_rest_once_the_part_is_back(house, town, settings, mood, part):
    settings.EMAIL_TIMEOUT = 1  # five in production: another test waits for them
    house.put(part, mood)
    spend_the_day(town)
    assert {name for name in PARTS if house.doors[name].callers} <= {"cache"}
    assert_the_day_is_written_down()
    assert let_the_clock_tick() < 10
    assert_only_this_part_is_missing(part, house)
    house.put(part, OPEN)
    for _ in range(3):
        wake()
        let_the_clock_tick()
    assert_all_is_done_once(house)


@pytest.mark.parametrize("mood", [REFUSED, HUNG])
def test_who_finds_out_that_the_cache_is_gone_waits_half_a_second(house, town, mood):
    house.put("cache", mood)
    for ask in (look_around, lambda: come_back("alice@example.com", CAROLS)):
        config_cache._Outage.until = 0.0
        begun = time.monotonic()
        ask()
        assert time.monotonic() - begun < 3


# The clock itself


def letter(to: str) -> Message:
    return services.send_message(channel="mail", to=to, subject="主题", body=f"给 {to}", now=timezone.now())


def text(to: str) -> Message:
    return services.send_message(channel="sms", to=to, template="notice", body="您好", now=timezone.now())


def test_a_task_lets_go_of_a_part_that_hangs(house):
    """With the timeouts of production: five seconds for a mail, as long for an SMS, two and a half for a channel."""
    house.put("everything", HUNG)
    rows = [letter("alice@example.com"), text(NEW_PHONE)]
    for deliver, seconds in ((tasks.deliver_due_mail, 5), (tasks.deliver_due_sms, 2.5)):
        begun = time.monotonic()
        deliver()
        assert seconds - 0.5 < time.monotonic() - begun < 10
    for row in rows:
        row.refresh_from_db()
        assert (row.attempts, row.sent_at, row.failed_at) == (1, None, None)
        assert row.error
        assert row.body
        assert timedelta(seconds=4) < row.next_attempt_at - row.created_at < timedelta(seconds=30)


def test_a_message_that_breaks_the_line_keeps_no_other_from_leaving(house):
    house.mail.cut_off = {"poison@example.com"}
    poison = [letter("poison@example.com") for _ in range(9)]
    others = [f"member{n}@example.com" for n in range(9)]
    for to in others:
        letter(to)
    for _ in range(3):
        tasks.deliver_due_mail()
    assert house.letters() == others
    assert set(Message.objects.waiting().values_list("pk", "attempts")) == {(row.pk, 1) for row in poison}


def test_a_message_that_cannot_be_read_keeps_no_other_from_leaving(house):
    spoiled = letter("alice@example.com")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_message SET body = 'spoiled' WHERE id = %s", [spoiled.pk])
    letter("bob@example.com")
    tasks.deliver_due_mail()
    assert house.letters() == ["bob@example.com"]
    assert Message.objects.filter(pk=spoiled.pk, error="Unreadable", attempts=1, sent_at=None).exists()


def test_an_account_that_cannot_be_read_keeps_no_other_from_being_forgotten(house, town):
    for account in PaymentAccount.objects.all():
        courses.forget_account(account_id=account.pk, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE courses_paymentaccount SET token = 'spoiled' WHERE id = %s", [town["charged"].pk])
    for _ in range(2):
        with suppress(InvalidToken, ValueError):
            courses.tend_due_accounts(now=timezone.now())
    assert not PaymentAccount.objects.filter(pk=town["forgotten"].pk).exists()
    assert PaymentAccount.objects.filter(pk=town["charged"].pk, attempts=1).exists()


def test_every_task_run_four_times_at_once_does_everything_once(house, town):
    spend_the_day(town)
    start = threading.Barrier(4)

    def clock(_: int) -> None:
        start.wait()
        try:
            for _ in range(3):
                let_the_clock_tick()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(clock, range(4)))
    assert_all_is_done_once(house)


@pytest.mark.parametrize("part", ["cache", "channel"])
@pytest.mark.parametrize("mood", [REFUSED, HUNG])
def test_a_purge_waits_for_a_part_that_is_down_and_keeps_nobody_waiting(house, town, mood, part):
    leavers = [town["alice"], *[known(f"leaver{n}@example.com") for n in range(3)]]
    for n, leaver in enumerate(leavers):
        agreed(house, leaver, f"2026521571527161801{n}")
        services.close_account(member=leaver, now=timezone.now() - timedelta(days=8))
    house.put(part, mood)
    begun = time.monotonic()
    tasks.purge_due_accounts()
    assert time.monotonic() - begun < 10
    assert Closure.objects.filter(state="running", attempts__gte=1).count() == len(leavers)
    assert set(leavers) < set(User.objects.all())
    house.put(part, OPEN)
    wake()
    Closure.objects.update(next_attempt_at=timezone.now())
    tasks.purge_due_accounts()
    assert Closure.objects.filter(state="done").count() == len(leavers)
    assert not house.channel.book.all("agreements", status="NORMAL")


@pytest.fixture
def clockwork(house):
    """A real clock and a real worker; the broker is behind its door."""
    started = Workers(EMAIL_URL=f"smtp://127.0.0.1:{house.doors['mail'].port}")
    started.start()
    started.start_clock()
    yield started
    started.stop()
    with redis.Redis.from_url(started.broker) as client:
        client.flushdb()


@pytest.mark.processes
@pytest.mark.parametrize("mood", [REFUSED, HUNG])
def test_when_the_broker_is_back_the_clock_and_the_worker_go_on_by_themselves(house, clockwork, mood):
    letter("alice@example.com")
    wait_until(lambda: house.letters() == ["alice@example.com"])
    house.put("broker", mood)
    time.sleep(3)
    letter("bob@example.com")
    time.sleep(1)
    assert house.letters() == ["alice@example.com"]
    house.put("broker", OPEN)
    wait_until(lambda: len(house.letters()) == 2, seconds=60)
    assert house.letters() == ["alice@example.com", "bob@example.com"]
    assert [process.poll() for process in clockwork.started] == [None, None]
