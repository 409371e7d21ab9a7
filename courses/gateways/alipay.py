"""Alipay: paying by redirect (page.pay, wap.pay), and by agreement (商家扣款).

Methods, fields and codes are those of opendocs.alipay.com: alipay.trade.* and alipay.user.agreement.*.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from courses.gateways.alipay_client import beijing, client
from courses.gateways.base import (
    Agreement,
    BadSignature,
    ChannelDown,
    Device,
    Gateway,
    NotFound,
    Notice,
    Refused,
    Trade,
    TradeState,
)

PAYING = {
    Device.DESKTOP: ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    Device.PHONE: ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
}
WITHHOLDING = "GENERAL_WITHHOLDING"
SCENE = {"personal_product_code": f"{WITHHOLDING}_P", "sign_scene": "INDUSTRY|EDUCATION"}
STATES = {
    "WAIT_BUYER_PAY": TradeState.WAITING,
    "TRADE_SUCCESS": TradeState.PAID,
    "TRADE_FINISHED": TradeState.PAID,
    "TRADE_CLOSED": TradeState.CLOSED,
}
SUCCESS, WAITING, REFUSED = "10000", "10003", "40004"
# Fields that a trade has only if it was paid before it was closed.
PAID_BEFORE = ("gmt_payment", "send_pay_date", "gmt_refund", "refund_fee")
AMOUNT = re.compile(r"(\d{1,9})(?:\.(\d{1,2}))?", re.ASCII)


class Alipay(Gateway):
    def __init__(self) -> None:
        self.client = client()
        self.app_id, self.seller_id = settings.ALIPAY["app_id"], settings.ALIPAY["seller_id"]
        self.notify_url = settings.SITE_URL + reverse("courses:notify", args=["alipay"])

    def start(
        self, *, out_trade_no: str, amount_fen: int, subject: str, expires_at: datetime, device: Device, return_url: str
    ) -> str:
        method, product = PAYING[device]
        content = self._trade(out_trade_no, amount_fen, subject, expires_at, product)
        return self.client.address(method, content, notify_url=self.notify_url, return_url=return_url)

    def _trade(
        self, out_trade_no: str, amount_fen: int, subject: str, expires_at: datetime, product: str
    ) -> dict[str, Any]:
        return {
            "out_trade_no": out_trade_no,
            "total_amount": yuan(amount_fen),
            "subject": re.sub(r"[/=&]", " ", subject),
            # Without it a link could be paid for ever: a trade that nobody has opened cannot be closed.
            "time_expire": beijing(expires_at),
            "product_code": product,
        }

    def read(self, posted: Mapping[str, str]) -> Notice:
        fields = self.client.check(posted)
        try:
            return self._notice(fields)
        except (KeyError, ValueError) as error:
            raise BadSignature(f"no notice: {type(error).__name__}") from error

    def _notice(self, fields: Mapping[str, str]) -> Notice:
        event_id = fields["notify_id"]
        if "out_trade_no" in fields:
            return Notice(event_id, trade=self._told_trade(fields))
        if fields.get("external_agreement_no") and fields["app_id"] == self.app_id:
            return Notice(event_id, agreement=_agreement(fields))
        return Notice(event_id)

    def _told_trade(self, fields: Mapping[str, str]) -> Trade:
        is_ours = fields["app_id"] == self.app_id and fields["seller_id"] == self.seller_id
        return _trade_of(fields, state=_state(fields), is_ours=is_ours)

    def query(self, *, out_trade_no: str) -> Trade:
        answer = self._ask("alipay.trade.query", {"out_trade_no": out_trade_no})
        with _reading():
            return _answered(answer, out_trade_no, state=_state(answer))

    def close(self, *, out_trade_no: str) -> None:
        self._ask("alipay.trade.close", {"out_trade_no": out_trade_no})

    def refund(self, *, out_trade_no: str, out_refund_no: str, amount_fen: int, reason: str) -> None:
        content = {
            "out_trade_no": out_trade_no,
            "out_request_no": out_refund_no,
            "refund_amount": yuan(amount_fen),
            "refund_reason": reason,
        }
        self._ask("alipay.trade.refund", content)

    def query_refund(self, *, out_trade_no: str, out_refund_no: str) -> bool:
        content = {"out_trade_no": out_trade_no, "out_request_no": out_refund_no}
        return self._ask("alipay.trade.fastpay.refund.query", content).get("refund_status") == "REFUND_SUCCESS"

    def sign_agreement(self, *, request_no: str, valid_for: int, return_url: str) -> str:
        content = {
            **SCENE,
            "product_code": WITHHOLDING,
            "external_agreement_no": request_no,
            "access_params": {"channel": "QRCODE"},
            "effect_time": valid_for,
        }
        method = "alipay.user.agreement.page.sign"
        return self.client.address(method, content, notify_url=self.notify_url, return_url=return_url)

    def query_agreement(self, *, request_no: str) -> Agreement:
        answer = self._ask("alipay.user.agreement.query", {**SCENE, "external_agreement_no": request_no})
        with _reading():
            return _agreement(answer)

    def debit(self, *, out_trade_no: str, amount_fen: int, subject: str, expires_at: datetime, token: str) -> Trade:
        content = self._trade(out_trade_no, amount_fen, subject, expires_at, WITHHOLDING)
        content["agreement_params"] = {"agreement_no": token}
        answer = self._ask("alipay.trade.pay", content, notify_url=self.notify_url)
        with _reading():
            state = TradeState.PAID if answer["code"] == SUCCESS else TradeState.WAITING
            return _answered(answer, out_trade_no, state=state)

    def unsign(self, *, token: str) -> None:
        self._ask("alipay.user.agreement.unsign", {"agreement_no": token})

    def _ask(self, method: str, content: dict[str, Any], **fields: str) -> dict[str, Any]:
        answer = self.client.ask(method, content, **fields)
        code, detail = str(answer.get("code")), str(answer.get("sub_code", ""))
        if code in {SUCCESS, WAITING}:
            return answer
        if code != REFUSED or "SYSTEM_ERROR" in detail:
            raise ChannelDown(detail or code)
        raise NotFound(detail) if "NOT_EXIST" in detail else Refused(detail)


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"


def _fen(amount: str) -> int:
    found = AMOUNT.fullmatch(amount)
    if not found:
        raise ValueError("no amount")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


@contextmanager
def _reading() -> Iterator[None]:
    """Take an answer that does not say what it should for no answer."""
    try:
        yield
    except (KeyError, ValueError) as error:
        raise ChannelDown(f"no answer: {type(error).__name__}") from error


def _answered(answer: Mapping[str, Any], out_trade_no: str, *, state: TradeState) -> Trade:
    """Read an answer about our own trade: asked for with our key, it is ours."""
    if answer["out_trade_no"] != out_trade_no:
        raise ValueError("another trade")
    return _trade_of(answer, state=state, is_ours=True)


def _trade_of(fields: Mapping[str, str], *, state: TradeState, is_ours: bool) -> Trade:
    return Trade(
        out_trade_no=fields["out_trade_no"],
        trade_no=fields["trade_no"],
        amount_fen=_fen(fields["total_amount"]),
        state=state,
        is_ours=is_ours,
    )


def _state(fields: Mapping[str, str]) -> TradeState:
    state = STATES[fields["trade_status"]]
    if state == TradeState.CLOSED and any(fields.get(name) for name in PAID_BEFORE):
        return TradeState.RETURNED
    return state


def _agreement(fields: Mapping[str, str]) -> Agreement:
    return Agreement(
        request_no=fields["external_agreement_no"],
        token=fields["agreement_no"],
        label=f"支付宝 {_masked(fields.get('alipay_logon_id', ''))}".strip(),
        is_live=fields["status"] == "NORMAL",
    )


def _masked(name: str) -> str:
    """Return an account's name as Alipay masks it, and mask it if it was not."""
    return name if "*" in name or not name else f"{name[:3]}***"
