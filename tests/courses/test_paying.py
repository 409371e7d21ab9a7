"""Buying a course at the cashier, from the button to the first lesson."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from courses import services
from courses.gateways import Alipay, Device
from courses.models import Enrollment, Order, Payment, Refund
from courses.sandbox.server import Mood
from tests.factories import make_course, make_order, make_paid_order, sign_in

PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36"


def choose(client, path: str, way: str = "alipay", **more: str):
    return client.post(path, {"way": way, **more})


def start(order: Order, *, now: datetime | None = None) -> str:
    moment = now or timezone.now()
    return services.start_payment(order_id=order.pk, channel="alipay", device=Device.DESKTOP, now=moment)


def wait_until(true, seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never became true"
        time.sleep(0.05)


@pytest.fixture
def shop(client, alice, documents, cashier):
    return sign_in(client, alice)


@pytest.mark.django_db(transaction=True)
def test_a_course_is_bought_at_the_cashier_and_can_be_learned(client, alice, course, documents, portal, buyer):
    sign_in(client, alice)
    address = choose(client, "/courses/ctg/buy/")["Location"]
    back = buyer.pay(address)
    order = Order.objects.get()
    assert back.startswith(f"{portal.url}/orders/{order.number}/returned/?")
    wait_until(lambda: Enrollment.objects.live().for_member(alice).filter(course=course).exists())
    page = client.get(back.removeprefix(portal.url), follow=True).content.decode()
    assert "付款成功，课程已开通" in page
    assert Payment.objects.get().channel_trade_no


@pytest.mark.django_db
def test_the_buy_page_says_what_is_bought_for_how_much_and_when_it_goes_back(shop, course):
    page = shop.get("/courses/ctg/buy/").content.decode()
    assert "胎心监护" in page
    assert "199" in page
    assert "付款后 7 天内可以随时退课" in page
    box = re.search(r'<input[^>]*name="accept_payment_account"[^>]*>', page)[0]
    assert "checked" not in box
    assert "required" not in box


@pytest.mark.django_db
def test_desktop_and_phone_are_led_to_their_own_cashier(shop, course):
    assert "alipay.trade.page.pay" in choose(shop, "/courses/ctg/buy/")["Location"]
    shop.defaults["HTTP_USER_AGENT"] = PHONE
    assert "alipay.trade.wap.pay" in choose(shop, "/courses/ctg/buy/")["Location"]


@pytest.mark.django_db
def test_buying_twice_gives_one_order_and_one_attempt(shop, course):
    choose(shop, "/courses/ctg/buy/")
    choose(shop, "/courses/ctg/buy/")
    assert Order.objects.count() == 1
    assert Payment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_clicks_at_the_same_moment_give_one_order(alice, course, now):
    def click(_):
        try:
            return services.place_order(member=alice, course=course, now=now).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(click, range(6)))) == 1
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_a_new_price_makes_a_new_order(shop, alice, course):
    old = make_order(member=alice, course=course)
    course.price_fen = 9900
    course.save()
    choose(shop, "/courses/ctg/buy/")
    old.refresh_from_db()
    assert old.status == "closed"
    assert Order.objects.pending().get().total_fen == 9900


@pytest.mark.django_db
def test_whoever_owns_a_course_is_led_to_it(shop, alice, course):
    make_paid_order(member=alice, course=course)
    for answer in (shop.get("/courses/ctg/buy/"), choose(shop, "/courses/ctg/buy/")):
        assert answer["Location"] == "/courses/ctg/"
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_a_visitor_is_asked_to_sign_in_and_a_course_off_the_shelf_is_not_sold(client, alice, course, documents):
    assert client.get("/courses/ctg/buy/")["Location"].startswith("/account/login/")
    make_course(slug="draft", published_at=None)
    assert sign_in(client, alice).get("/courses/draft/buy/").status_code == 404


@pytest.mark.django_db
def test_the_cashier_takes_no_money_after_the_order_has_expired(alice, course, cashier, buyer, now):
    past = now - timedelta(minutes=31)
    order = make_order(member=alice, course=course, now=past)
    page = buyer.arrive(start(order, now=past))
    assert "这笔交易已经关闭" in buyer.press(page, "pay").text


@pytest.mark.django_db
def test_without_any_notice_the_clock_finds_out(order, alice, cashier, buyer, clock, now):
    cashier.mood = Mood.SILENT
    buyer.pay(start(order))
    clock(now + timedelta(seconds=20))
    order.refresh_from_db()
    assert order.is_paid
    assert Enrollment.objects.live().for_member(alice).exists()


@pytest.mark.django_db
def test_coming_back_has_the_clock_ask_at_once(shop, order, cashier, buyer, clock):
    cashier.mood = Mood.SILENT
    buyer.pay(start(order))
    shop.get(f"/orders/{order.number}/returned/")
    clock()
    assert Order.objects.get().is_paid


@pytest.mark.django_db
def test_an_order_nobody_paid_expires_and_leaves_nothing_open(order, cashier, buyer, clock):
    buyer.arrive(start(order))
    clock(order.expires_at - timedelta(seconds=1))
    assert Order.objects.get().is_pending
    with time_machine.travel(order.expires_at + timedelta(minutes=1)):
        clock()
        clock()
    order.refresh_from_db()
    assert order.status == "closed"
    assert Payment.objects.get().state == "closed"
    assert cashier.book.one("trades")["status"] == "TRADE_CLOSED"


@pytest.mark.django_db
def test_a_link_that_was_never_opened_is_closed_only_after_its_last_second(order, cashier, clock):
    start(order)
    services.cancel_order(order_id=order.pk, now=timezone.now())
    clock()
    assert Payment.objects.get().state == "pending"
    with time_machine.travel(order.expires_at + timedelta(minutes=1)):
        clock()
    assert Payment.objects.get().state == "closed"


@pytest.mark.django_db
def test_cancelling_closes_the_trade_at_the_channel(shop, order, cashier, buyer, clock):
    page = buyer.arrive(start(order))
    shop.post(f"/orders/{order.number}/cancel/")
    clock()
    assert Payment.objects.get().state == "closed"
    assert "这笔交易已经关闭" in buyer.press(page, "pay").text


@pytest.mark.django_db
def test_a_payment_that_slips_in_before_the_close_goes_back(shop, order, cashier, buyer, clock):
    cashier.mood = Mood.SILENT
    page = buyer.arrive(start(order))
    shop.post(f"/orders/{order.number}/cancel/")
    buyer.press(page, "pay")
    clock()
    assert Refund.objects.get().state == "succeeded"
    assert Refund.objects.get().reason == "late"
    assert not Enrollment.objects.exists()
    assert cashier.book.all("refunds")[0]["amount"] == "199.00"
    assert "已全额退回原来的付款渠道" in shop.get(f"/orders/{order.number}/").content.decode()


@pytest.mark.django_db
def test_a_close_that_meets_a_payment_ends_in_exactly_one_of_enrolment_and_refund(
    order, cashier, buyer, clock, monkeypatch
):
    """Between the clock's question and its close, the buyer pays."""
    cashier.mood = Mood.SILENT
    page = buyer.arrive(start(order))
    close = Alipay.close

    def pay_first(self, **what):
        buyer.press(page, "pay")
        close(self, **what)

    monkeypatch.setattr(Alipay, "close", pay_first)
    services.cancel_order(order_id=order.pk, now=timezone.now())
    clock()
    assert Payment.objects.get().state == "succeeded"
    assert Refund.objects.count() + Enrollment.objects.live().count() == 1


@pytest.mark.django_db
def test_the_cashier_takes_money_for_an_attempt_once(order, cashier, buyer):
    page = buyer.arrive(start(order))
    buyer.press(page, "pay")
    assert "不需要再付一次" in buyer.press(page, "pay").text


@pytest.mark.django_db
def test_orders_of_others_are_not_there(client, bob, order, documents, cashier):
    sign_in(client, bob)
    path = f"/orders/{order.number}/"
    for page in (path, f"{path}state/", f"{path}returned/", f"{path}refund/"):
        assert client.get(page).status_code == 404
    for page in (f"{path}pay/", f"{path}cancel/", f"{path}refund/"):
        assert client.post(page, {"way": "alipay"}).status_code == 404
    assert order.title not in client.get("/me/orders/").content.decode()
    assert Order.objects.get().is_pending


@pytest.mark.django_db
def test_the_order_page_tells_when_it_is_no_longer_true(shop, order, notice, tell):
    page = shop.get(f"/orders/{order.number}/").content.decode()
    mark = re.search(r'data-mark="([^"]*)"', page)[1]
    state = f"/orders/{order.number}/state/"
    assert shop.get(state).content.decode() == mark
    start(order)
    tell(notice(Payment.objects.get()))
    assert shop.get(state).content.decode() != mark


@pytest.mark.django_db
def test_a_doubtful_payment_is_not_asked_for_again(shop, order, notice, tell):
    start(order)
    tell(notice(Payment.objects.get(), total_amount="1.00"))
    page = shop.get(f"/orders/{order.number}/").content.decode()
    assert "这笔付款需要人工核对" in page
    assert f"/orders/{order.number}/pay/" not in page
    Order.objects.update(status="closed", completed_at=order.placed_at)
    assert "这笔付款需要人工核对" in shop.get(f"/orders/{order.number}/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 20])
def test_pages_of_buying_ask_the_database_at_most_six_times(queries, client, alice, documents, cashier, rows):
    orders = [make_paid_order(member=alice) for _ in range(rows)]
    pending = make_order(member=alice)
    start(pending)
    sign_in(client, alice)
    for path in ("/me/orders/", f"/orders/{pending.number}/", orders[0].get_absolute_url(), "/me/payment-accounts/"):
        assert queries(path) <= 6, path
    assert queries(pending.course.get_absolute_url() + "buy/") <= 6
