"""A channel that answers nonsense, late or never keeps nobody waiting and loses nothing."""

import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from django.core.cache import cache
from django.utils import timezone

from courses import gateways, services
from courses.gateways import alipay_client
from courses.models import Order, Payment
from courses.sandbox.server import Mood
from tests.courses.test_paying import start
from tests.factories import make_order, make_payment, make_payment_account, sign_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("mood", [Mood.HANGING, Mood.DOWN])
def test_every_page_answers_within_three_seconds(client, alice, course, documents, cashier, mood):
    sign_in(client, alice)
    account = make_payment_account(member=alice)
    cashier.mood = mood
    order = make_order(member=alice, course=course)
    path = order.get_absolute_url()
    asked = [
        lambda: client.get("/courses/ctg/buy/"),
        lambda: client.post("/courses/ctg/buy/", {"way": "alipay"}),
        lambda: client.get(f"{path}returned/"),
        lambda: client.get(path),
        lambda: client.post(f"{path}pay/", {"way": f"account-{account.pk}"}),
        lambda: client.get("/me/payment-accounts/"),
        lambda: client.post(f"/me/payment-accounts/{account.pk}/forget/"),
        lambda: client.post(f"{path}cancel/"),
    ]
    for ask in asked:
        begun = time.monotonic()
        assert ask().status_code in {200, 302}
        assert time.monotonic() - begun < 3


def test_a_sweep_asks_a_silent_channel_once_and_lets_it_rest(order, alice, cashier, now):
    for _ in range(5):
        make_payment(order)
    cashier.mood = Mood.HANGING
    services.query_silent_payments(now=timezone.now())
    services.query_silent_payments(now=timezone.now())
    assert Payment.objects.filter(attempts__gt=0).count() == 1


def test_when_the_channel_is_back_everything_goes_on(order, cashier, buyer, clock, now):
    buyer.pay(start(order))
    cashier.mood = Mood.DOWN
    services.look_for_payment(order_id=order.pk, now=now)
    clock()
    assert Order.objects.get().is_pending
    cashier.mood = Mood.SILENT
    cache.clear()  # the channel has rested
    Payment.objects.update(next_attempt_at=now)
    clock()
    assert Order.objects.get().is_paid


def test_an_order_whose_time_is_over_waits_for_the_channels_word(order, cashier, clock, now):
    make_payment(order)
    Order.objects.update(placed_at=now, expires_at=now)
    cashier.mood = Mood.DOWN
    clock()
    assert Order.objects.get().is_pending


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>maintenance</html>",
        "[]",
        '{"alipay_trade_query_response":{"code":"10000"}}',
        '{"alipay_trade_query_response":{"code":"10000","out_trade_no":"X","trade_status":"TRADE_SUCCESS"},"sign":"AAAA"}',
        '{"error_response":{"code":"40002","sub_code":"isv.invalid-signature"},"sign":"AAAA"}',
    ],
)
def test_an_answer_that_cannot_be_believed_is_no_answer(order, cashier, text, monkeypatch):
    monkeypatch.setattr(cashier.who.__class__, "answer", lambda *_: text)
    with pytest.raises(gateways.ChannelDown):
        gateways.get("alipay").query(out_trade_no="X")


def test_an_answer_about_another_trade_is_no_answer(order, cashier, buyer, monkeypatch):
    buyer.pay(start(order))
    other = Payment.objects.get().out_trade_no
    monkeypatch.setattr(cashier.api, "_trade", lambda _: cashier.book.trade(out_trade_no=other))
    with pytest.raises(gateways.ChannelDown):
        gateways.get("alipay").query(out_trade_no="X")


class Dripper(BaseHTTPRequestHandler):
    """Answers one byte at a time, each before anybody's patience ends; or all at once, without an end."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while not self.server.released.wait(self.server.pause):
                self.wfile.write(self.server.drop)

    def log_message(self, *_) -> None:
        """Keep quiet."""


@pytest.fixture
def dripper(settings, cashier):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripper)
    server.daemon_threads, server.released, server.pause, server.drop = True, Event(), 0.05, b" "
    Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    settings.ALIPAY = {**settings.ALIPAY, "gateway": f"http://127.0.0.1:{server.server_port}/gateway.do"}
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def test_a_channel_that_drips_its_answer_is_down_after_a_while(dripper, monkeypatch):
    monkeypatch.setattr(alipay_client, "LONGEST_ANSWER", 0.5)
    begun = time.monotonic()
    with pytest.raises(gateways.ChannelDown):
        gateways.get("alipay").query(out_trade_no="A1")
    assert time.monotonic() - begun < 2


def test_a_channel_whose_answer_never_ends_is_down(dripper):
    dripper.pause, dripper.drop = 0, b" " * 64 * 1024
    with pytest.raises(gateways.ChannelDown, match="ReadError"):
        gateways.get("alipay").query(out_trade_no="A1")
