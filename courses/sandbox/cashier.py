"""What the buyer sees: the cashier, the signing of an agreement, the wallet."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.template import Context, Engine

from courses.sandbox.api import end_agreement
from courses.sandbox.book import CLOSED, NOT_OPENED, PAID, WAITING, Book, Row, new_number, new_ticket
from courses.sandbox.notices import WALLET, agreement_notice, trade_notice
from courses.sandbox.wire import Identity, beijing, moment_of

PAGES = Path(__file__).parent / "pages"
FAR_AWAY = 90 * 24 * 3600
ENGINE = Engine(dirs=[str(PAGES)])
MESSAGES = {
    PAID: ("这笔交易已经付款", "不需要再付一次。"),
    CLOSED: ("这笔交易已经关闭", "付款时间已过，或者商家已经关闭。没有扣款。"),
}


@dataclass
class Page:
    """One answer to a browser."""

    body: str = ""
    status: int = 200
    location: str = ""
    leads_to: str = ""  # the merchant's origin, which a form on the page may end at


class Cashier:
    def __init__(self, book: Book, who: Identity) -> None:
        self.book, self.who = book, who

    def enter(self, fields: dict[str, str], content: dict[str, Any]) -> Page:
        """Take a buyer who comes with a signed request to pay (page.pay, wap.pay)."""
        with self.book.changing():
            trade = self.book.trade(out_trade_no=content["out_trade_no"]) or self._new_trade(fields, content)
        if trade["amount"] != content["total_amount"]:
            return page("message.html", 400, title="订单信息不一致", text="ACQ.CONTEXT_INCONSISTENT")
        return Page(status=302, location=f"/cashier/{trade['ticket']}/")

    def _new_trade(self, fields: dict[str, str], content: dict[str, Any]) -> Row:
        expires = content.get("time_expire")
        trade = {
            "out_trade_no": content["out_trade_no"],
            "trade_no": new_number(),
            "ticket": new_ticket(),
            "subject": content["subject"],
            "amount": content["total_amount"],
            "method": fields["method"],
            "status": NOT_OPENED,
            "notify_url": fields.get("notify_url", ""),
            "return_url": fields.get("return_url", ""),
            "expires": moment_of(expires) if expires else time.time() + FAR_AWAY,
            "created": time.time(),
        }
        self.book.add("trades", **trade)
        return trade

    def show(self, ticket: str) -> Page:
        """Show what is to be paid; with the buyer there, the trade comes into being."""
        with self.book.changing():
            trade = self.book.trade(ticket=ticket)
            if trade and not trade["status"]:
                status = WAITING if time.time() < trade["expires"] else CLOSED
                self.book.change("trades", {"ticket": ticket}, status=status)
                trade["status"] = status
        if trade is None:
            return not_found()
        if trade["status"] != WAITING:
            return self._message(trade)
        return page("cashier.html", trade=trade, buyer=WALLET, leads_to=_origin(trade["return_url"]))

    def _message(self, trade: Row) -> Page:
        title, text = MESSAGES[trade["status"]]
        return page("message.html", title=title, text=text, back=trade["return_url"])

    def pay(self, ticket: str) -> Page:
        """Pay, tell the merchant, and lead the buyer back there."""
        with self.book.changing():
            trade = self.book.trade(ticket=ticket)
            paid_now = trade is not None and trade["status"] == WAITING
            if trade and paid_now:
                trade |= {"status": PAID, "paid": time.time()}
                self.book.change("trades", {"ticket": ticket}, status=PAID, paid=trade["paid"])
                self.book.notify(trade["notify_url"], trade_notice(self.who, trade))
        if trade is None:
            return not_found()
        return Page(status=302, location=self._way_back(trade)) if paid_now else self._message(trade)

    def _way_back(self, trade: Row) -> str:
        told = {
            "app_id": self.who.app_id,
            "auth_app_id": self.who.app_id,
            "charset": "utf-8",
            "method": f"{trade['method']}.return",
            "out_trade_no": trade["out_trade_no"],
            "seller_id": self.who.seller_id,
            "timestamp": beijing(time.time()),
            "total_amount": trade["amount"],
            "trade_no": trade["trade_no"],
            "version": "1.0",
        }
        return f"{trade['return_url']}?{urlencode(self.who.signed(told))}"

    def leave(self, ticket: str) -> Page:
        """Lead a buyer who changed their mind back to the merchant; the trade stays as it is."""
        trade = self.book.trade(ticket=ticket)
        return Page(status=302, location=trade["return_url"]) if trade else not_found()


class Wallet:
    """Agreements: signing one, and ending one from the buyer's side."""

    def __init__(self, book: Book, who: Identity) -> None:
        self.book, self.who = book, who

    def enter(self, fields: dict[str, str], content: dict[str, Any]) -> Page:
        """Take a buyer who comes with a signed request for an agreement."""
        with self.book.changing():
            agreement = self.book.one("agreements", request_no=content["external_agreement_no"])
            if agreement is None:
                agreement = self._new_agreement(fields, content)
        return Page(status=302, location=f"/agreement/{agreement['ticket']}/")

    def _new_agreement(self, fields: dict[str, str], content: dict[str, Any]) -> Row:
        agreement = {
            "request_no": content["external_agreement_no"],
            "agreement_no": new_number(),
            "ticket": new_ticket(),
            "status": "",
            "notify_url": fields.get("notify_url", ""),
            "return_url": fields.get("return_url", ""),
            "expires": moment_of(fields["timestamp"]) + int(content.get("effect_time", FAR_AWAY)),
        }
        self.book.add("agreements", **agreement)
        return agreement

    def show(self, ticket: str) -> Page:
        agreement = self.book.one("agreements", ticket=ticket)
        if agreement is None:
            return not_found()
        if agreement["status"] or time.time() > agreement["expires"]:
            return page(
                "message.html", title="这次签约已经结束", text="请回到商家重新发起。", back=agreement["return_url"]
            )
        return page("agreement.html", agreement=agreement, buyer=WALLET, leads_to=_origin(agreement["return_url"]))

    def sign(self, ticket: str) -> Page:
        """Sign, tell the merchant, and lead the buyer back there."""
        with self.book.changing():
            agreement = self.book.one("agreements", ticket=ticket)
            if agreement and not agreement["status"] and time.time() <= agreement["expires"]:
                agreement |= {"status": "NORMAL", "signed": time.time()}
                self.book.change("agreements", {"ticket": ticket}, status="NORMAL", signed=agreement["signed"])
                told = agreement_notice(self.who, agreement, kind="dut_user_sign")
                self.book.notify(agreement["notify_url"], told)
        return self.leave(ticket)

    def leave(self, ticket: str) -> Page:
        agreement = self.book.one("agreements", ticket=ticket)
        return Page(status=302, location=agreement["return_url"]) if agreement else not_found()

    def overview(self) -> Page:
        """List what the buyer has paid and whom they let charge them."""
        signed = [{**row, "since": beijing(row["signed"])} for row in self.book.all("agreements", status="NORMAL")]
        paid = [row for row in reversed(self.book.all("trades")) if row["paid"]]
        return page("wallet.html", agreements=signed, trades=paid[:20], buyer=WALLET)

    def unsign(self, ticket: str) -> Page:
        """End an agreement from the wallet's side."""
        with self.book.changing():
            agreement = self.book.one("agreements", ticket=ticket)
            if agreement and agreement["status"] == "NORMAL":
                end_agreement(self.book, self.who, agreement)
        return Page(status=302, location="/wallet/")


def page(name: str, status: int = 200, *, leads_to: str = "", **context: Any) -> Page:
    body = ENGINE.get_template(name).render(Context(context))
    return Page(body=body, status=status, leads_to=leads_to)


def not_found() -> Page:
    return page("message.html", 404, title="没有这个页面", text="请回到商家重新发起。")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
