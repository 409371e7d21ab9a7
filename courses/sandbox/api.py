"""What the merchant's server may ask: alipay.trade.* and alipay.user.agreement.*."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from courses.sandbox.book import CLOSED, PAID, WAITING, Book, Row, new_number, new_ticket
from courses.sandbox.notices import WALLET, agreement_notice, trade_notice
from courses.sandbox.wire import Identity, beijing

Answer = dict[str, Any]


class Failure(Exception):
    """Business failed; the argument is the sub_code."""


class Api:
    """Each public method answers one of Alipay's methods; what goes wrong is a `Failure`."""

    def __init__(self, book: Book, who: Identity) -> None:
        self.book, self.who = book, who
        self.methods: dict[str, Callable[[Answer, str], Answer]] = {
            "alipay.trade.query": self.query,
            "alipay.trade.close": self.close,
            "alipay.trade.pay": self.pay,
            "alipay.trade.refund": self.refund,
            "alipay.trade.fastpay.refund.query": self.query_refund,
            "alipay.user.agreement.query": self.query_agreement,
            "alipay.user.agreement.unsign": self.unsign,
        }

    def answer(self, method: str, content: Answer, *, notify_url: str) -> Answer:
        """Carry out one request, whole or not at all."""
        try:
            with self.book.changing():
                told = self.methods[method](content, notify_url)
        except Failure as failure:
            return {"code": "40004", "msg": "Business Failed", "sub_code": str(failure), "sub_msg": "业务处理失败"}
        return {"code": "10000", "msg": "Success", **told}

    def query(self, content: Answer, _: str) -> Answer:
        trade = self._trade(content)
        told = {**_trade(trade), "trade_status": trade["status"], "buyer_logon_id": WALLET["alipay_logon_id"]}
        return {**told, "send_pay_date": beijing(trade["paid"])} if trade["paid"] else told

    def close(self, content: Answer, _: str) -> Answer:
        trade = self._trade(content)
        if trade["status"] != WAITING:
            raise Failure("ACQ.REASON_TRADE_STATUS_INVALID")
        self.book.change("trades", {"out_trade_no": trade["out_trade_no"]}, status=CLOSED)
        return _trade(trade)

    def pay(self, content: Answer, notify_url: str) -> Answer:
        """Charge a signed account; asked again about the same trade, answer the same."""
        known = self.book.trade(out_trade_no=content["out_trade_no"])
        if known and known["status"] == PAID:
            return {**_trade(known), "gmt_payment": beijing(known["paid"])}
        if known:
            raise Failure("ACQ.TRADE_HAS_CLOSE")
        number = content["agreement_params"]["agreement_no"]
        agreement = self.book.one("agreements", agreement_no=number)
        if agreement is None:
            raise Failure("ACQ.AGREEMENT_NOT_EXIST")
        if agreement["status"] != "NORMAL":
            raise Failure("ACQ.AGREEMENT_INVALID")
        return self._debited(content, notify_url)

    def _debited(self, content: Answer, notify_url: str) -> Answer:
        now = time.time()
        trade = {
            "out_trade_no": content["out_trade_no"],
            "trade_no": new_number(),
            "ticket": new_ticket(),
            "subject": content["subject"],
            "amount": content["total_amount"],
            "method": "alipay.trade.pay",
            "status": PAID,
            "notify_url": notify_url,
            "return_url": "",
            "expires": now,
            "paid": now,
            "created": now,
        }
        self.book.add("trades", **trade)
        self.book.notify(notify_url, trade_notice(self.who, trade))
        return {**_trade(trade), "gmt_payment": beijing(now)}

    def refund(self, content: Answer, _: str) -> Answer:
        """Send money back; a number seen before changes nothing."""
        trade = self._trade(content)
        key = {"out_trade_no": trade["out_trade_no"], "out_request_no": content["out_request_no"]}
        changed = self.book.one("refunds", **key) is None
        if changed:
            self._refund_once(trade, key, content["refund_amount"])
        return {**_trade(trade), "refund_fee": str(self._returned(trade)), "fund_change": "Y" if changed else "N"}

    def _refund_once(self, trade: Row, key: Row, amount: str) -> None:
        if trade["status"] != PAID:
            raise Failure("ACQ.TRADE_STATUS_ERROR")
        if self._returned(trade) + Decimal(amount) > Decimal(trade["amount"]):
            raise Failure("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        self.book.add("refunds", **key, amount=amount, made=time.time())
        if self._returned(trade) == Decimal(trade["amount"]):
            trade["status"] = CLOSED
            self.book.change("trades", {"out_trade_no": trade["out_trade_no"]}, status=CLOSED)
        back = {"refund_fee": amount, "out_biz_no": key["out_request_no"], "gmt_refund": beijing(time.time())}
        self.book.notify(trade["notify_url"], trade_notice(self.who, trade, **back))

    def _returned(self, trade: Row) -> Decimal:
        refunds = self.book.all("refunds", out_trade_no=trade["out_trade_no"])
        return sum((Decimal(refund["amount"]) for refund in refunds), Decimal("0.00"))

    def query_refund(self, content: Answer, _: str) -> Answer:
        trade = self._trade(content)
        key = {"out_trade_no": trade["out_trade_no"], "out_request_no": content["out_request_no"]}
        refund = self.book.one("refunds", **key)
        return {**_trade(trade), "refund_amount": refund["amount"], "refund_status": "REFUND_SUCCESS"} if refund else {}

    def query_agreement(self, content: Answer, _: str) -> Answer:
        agreement = self.book.one("agreements", request_no=content["external_agreement_no"])
        if agreement is None or agreement["status"] != "NORMAL":
            raise Failure("USER_AGREEMENT_NOT_EXIST")
        return {
            **WALLET,
            "agreement_no": agreement["agreement_no"],
            "external_agreement_no": agreement["request_no"],
            "status": agreement["status"],
            "sign_time": beijing(agreement["signed"]),
        }

    def unsign(self, content: Answer, _: str) -> Answer:
        agreement = self.book.one("agreements", agreement_no=content["agreement_no"])
        if agreement is None or agreement["status"] != "NORMAL":
            raise Failure("USER_AGREEMENT_NOT_EXIST")
        end_agreement(self.book, self.who, agreement)
        return {}

    def _trade(self, content: Answer) -> Row:
        trade = self.book.trade(out_trade_no=content["out_trade_no"])
        if trade is None or not trade["status"]:
            raise Failure("ACQ.TRADE_NOT_EXIST")
        return trade


def end_agreement(book: Book, who: Identity, agreement: Row) -> None:
    """End an agreement, whoever asked for it, and tell the merchant."""
    agreement["status"] = "UNSIGN"
    book.change("agreements", {"request_no": agreement["request_no"]}, status="UNSIGN")
    book.notify(agreement["notify_url"], agreement_notice(who, agreement, kind="dut_user_unsign"))


def _trade(trade: Row) -> Answer:
    return {
        "out_trade_no": trade["out_trade_no"],
        "trade_no": trade["trade_no"],
        "total_amount": trade["amount"],
    }
