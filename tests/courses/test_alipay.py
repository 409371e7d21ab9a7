"""The gateway and the cashier, each held against Alipay's protocol."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import time_machine
from django.utils import timezone

from courses import gateways
from courses.gateways.alipay import Alipay
from courses.sandbox import Sandbox
from tests.factories import make_course, make_order

MOMENT = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)


@pytest.fixture
def alipay(cashier) -> Alipay:
    return Alipay()


def address_of(alipay: Alipay, **changes) -> str:
    wanted = {
        "out_trade_no": "20261124000000000001P1",
        "amount_fen": 19900,
        "subject": "胎心监护 A/B=C&D",
        "expires_at": timezone.now() + timedelta(minutes=30),
        "device": gateways.Device.DESKTOP,
        "return_url": "http://127.0.0.1/back/",
    }
    return alipay.start(**{**wanted, **changes})


def fields_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_a_request_tells_beijing_time_wherever_the_server_is(alipay, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        with time_machine.travel(MOMENT, tick=False):
            fields = fields_of(address_of(alipay, expires_at=MOMENT))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert fields["timestamp"] == "2026-11-25 04:30:00"
    assert json.loads(fields["biz_content"])["time_expire"] == "2026-11-25 04:30:00"


def test_money_is_yuan_at_the_border_only_and_the_subject_has_no_forbidden_characters(alipay):
    content = json.loads(fields_of(address_of(alipay, amount_fen=5))["biz_content"])
    assert content["total_amount"] == "0.05"
    assert content["subject"] == "胎心监护 A B C D"
    assert fields_of(address_of(alipay))["notify_url"].endswith("/payments/notify/alipay/")


@pytest.mark.parametrize(("text", "fen"), [("199.00", 19900), ("199", 19900), ("0.1", 10), ("0.01", 1)])
def test_yuan_become_fen_without_a_float(cashier, alipay, text, fen):
    told = {
        "notify_id": "1",
        "out_trade_no": "X",
        "trade_no": "Y",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": text,
    }
    notice = alipay.read(cashier.who.signed({**told, "app_id": alipay.app_id, "seller_id": alipay.seller_id}))
    assert notice.trade.amount_fen == fen


@pytest.mark.parametrize("text", ["", "1e3", "-1.00", "1.001", "１", "1,000.00", "NaN"])
def test_a_signed_notice_that_makes_no_sense_is_refused_like_a_forged_one(cashier, alipay, text):
    told = {"notify_id": "1", "out_trade_no": "X", "trade_no": "Y", "trade_status": "TRADE_SUCCESS", "app_id": "1"}
    fields = {**told, "seller_id": "2", **({"total_amount": text} if text else {})}
    with pytest.raises(gateways.BadSignature):
        alipay.read(cashier.who.signed(fields))


def test_reading_a_notice_leaves_it_as_it_came(cashier, alipay):
    fields = cashier.who.signed({"notify_id": "1", "app_id": alipay.app_id})
    before = dict(fields)
    assert alipay.read(fields).trade is None
    assert fields == before


def test_the_cashier_refuses_what_the_merchant_did_not_sign(cashier, alipay):
    address = address_of(alipay)
    assert httpx.get(address, trust_env=False).status_code == 302
    assert httpx.get(address.replace("199.00", "0.01"), trust_env=False).status_code == 400
    forged = base64.b64encode(b"x" * 256).decode()
    answer = httpx.post(
        f"{cashier.url}/gateway.do", data={"method": "alipay.trade.query", "sign": forged}, trust_env=False
    )
    assert "isv.invalid-signature" in answer.text


def test_the_cashier_shows_what_is_paid_and_that_it_is_no_real_one(cashier, alipay, buyer):
    page = buyer.http.get(buyer.arrive(address_of(alipay)))
    for words in ("199.00", "胎心监护", "沙箱", "演示", "确认付款", "取消"):
        assert words in page.text
    assert "'unsafe" not in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text


def test_an_amount_that_changed_under_the_same_number_is_refused(alipay, buyer):
    buyer.arrive(address_of(alipay))
    assert buyer.http.get(address_of(alipay, amount_fen=1)).status_code == 400


@pytest.mark.django_db
def test_the_cashier_remembers_after_a_restart(cashier, alipay, buyer, tmp_path, alice):
    make_order(member=alice, course=make_course())
    buyer.pay(address_of(alipay))
    again = Sandbox(port=0, folder=tmp_path / "alipay", identity=cashier.who)
    try:
        assert again.book.trade(out_trade_no="20261124000000000001P1")["status"] == "TRADE_SUCCESS"
    finally:
        again.server_close()
        again.book.close()


def test_a_trade_that_nobody_opened_is_unknown_to_the_channel(alipay):
    address_of(alipay)
    with pytest.raises(gateways.NotFound):
        alipay.query(out_trade_no="20261124000000000001P1")
    with pytest.raises(gateways.NotFound):
        alipay.close(out_trade_no="20261124000000000001P1")


def test_a_trade_paid_and_returned_whole_is_told_from_one_never_paid(alipay, buyer):
    number = "20261124000000000001P1"
    with time_machine.travel(MOMENT):
        buyer.pay(address_of(alipay, expires_at=MOMENT.replace(hour=21)))
        alipay.refund(out_trade_no=number, out_refund_no="R1", amount_fen=19900, reason="重复付款")
    assert alipay.query(out_trade_no=number).state == gateways.TradeState.RETURNED


def test_no_refund_is_more_than_the_payment(alipay, buyer):
    number = "20261124000000000001P1"
    with time_machine.travel(MOMENT):
        buyer.pay(address_of(alipay, expires_at=MOMENT.replace(hour=21)))
    alipay.refund(out_trade_no=number, out_refund_no="R1", amount_fen=10000, reason="一部分")
    with pytest.raises(gateways.Refused):
        alipay.refund(out_trade_no=number, out_refund_no="R2", amount_fen=10000, reason="太多")
    assert alipay.query_refund(out_trade_no=number, out_refund_no="R1")
    assert not alipay.query_refund(out_trade_no=number, out_refund_no="R2")
