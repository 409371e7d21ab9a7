"""Telling the merchant what happened, until the merchant says `success`."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from courses.sandbox.book import Book, Row
from courses.sandbox.wire import Identity, beijing

# Alipay tries again after 4 min, 10 min, 10 min, 1 h, 2 h, 6 h, 15 h; here the same number of times, in minutes.
PAUSES = (2, 5, 5, 15, 30, 60, 120)
BUYER = {"buyer_id": "2088000000000077", "buyer_logon_id": "138****0000"}
WALLET = {"alipay_user_id": "2088000000000077", "alipay_logon_id": "138****0000"}


def trade_notice(who: Identity, trade: Row, **more: str) -> dict[str, str]:
    """Write what Alipay tells about a trade."""
    return {
        **_envelope(who, "trade_status_sync"),
        **BUYER,
        "gmt_create": beijing(trade["created"]),
        "gmt_payment": beijing(trade["paid"]),
        "subject": trade["subject"],
        "out_trade_no": trade["out_trade_no"],
        "trade_no": trade["trade_no"],
        "trade_status": trade["status"],
        "total_amount": trade["amount"],
        "receipt_amount": trade["amount"],
        "buyer_pay_amount": trade["amount"],
        "fund_bill_list": f'[{{"amount":"{trade["amount"]}","fundChannel":"ALIPAYACCOUNT"}}]',
        "seller_id": who.seller_id,
        **more,
    }


def agreement_notice(who: Identity, agreement: Row, *, kind: str) -> dict[str, str]:
    """Write what Alipay tells about an agreement: `dut_user_sign` or `dut_user_unsign`."""
    return {
        **_envelope(who, kind),
        **WALLET,
        "agreement_no": agreement["agreement_no"],
        "external_agreement_no": agreement["request_no"],
        "status": agreement["status"],
        "personal_product_code": "GENERAL_WITHHOLDING_P",
        "sign_scene": "INDUSTRY|EDUCATION",
        "sign_time": beijing(agreement["signed"]),
    }


def _envelope(who: Identity, kind: str) -> dict[str, str]:
    return {
        "app_id": who.app_id,
        "auth_app_id": who.app_id,
        "charset": "utf-8",
        "version": "1.0",
        "notify_id": secrets.token_hex(17),
        "notify_type": kind,
        "notify_time": beijing(time.time()),
    }


class Notifier(threading.Thread):
    """Sends what is due, five times a second."""

    def __init__(self, book: Book, who: Identity, is_silent: Callable[[], bool]) -> None:
        super().__init__(daemon=True, name="alipay-notices")
        self.book, self.who, self.is_silent = book, who, is_silent
        self.stopping = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=5, trust_env=False) as client:
            while not self.stopping.wait(0.2):
                for notice in [] if self.is_silent() else self.book.due_notices():
                    self._send(client, notice)

    def _send(self, client: httpx.Client, notice: Row) -> None:
        try:
            answer = client.post(notice["url"], data=self.who.signed(notice["fields"])).text
        except httpx.HTTPError:
            answer = ""
        self._write_down(notice, is_done=answer.strip() == "success")

    def _write_down(self, notice: Row, *, is_done: bool) -> None:
        tries = notice["tries"] + 1
        changes: dict[str, Any] = {"tries": tries, "done": int(is_done or tries > len(PAUSES))}
        if not changes["done"]:
            changes["due"] = time.time() + PAUSES[tries - 1]
        self.book.change("notices", {"id": notice["id"]}, **changes)
