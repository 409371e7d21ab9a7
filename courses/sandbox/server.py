"""The sandbox's HTTP server."""

import json
import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from courses.sandbox.api import Api
from courses.sandbox.book import Book
from courses.sandbox.cashier import PAGES, Cashier, Page, Wallet, not_found, page
from courses.sandbox.notices import Notifier
from courses.sandbox.wire import Identity

BODY_LIMIT = 64 * 1024
PAYING = ("alipay.trade.page.pay", "alipay.trade.wap.pay")
SIGNING = "alipay.user.agreement.page.sign"
# A form that leads back to the merchant is a redirect, and Chromium checks redirects of forms too.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {}"


class Mood(StrEnum):
    """How the server behaves towards the merchant's server; a test chooses."""

    WELL = "well"
    SILENT = "silent"  # sends no notices
    DOWN = "down"  # answers 500 and does nothing
    HANGING = "hanging"  # takes the request and never answers
    MUTE = "mute"  # does what it was asked, and never says so


class Sandbox(ThreadingHTTPServer):
    """Serves one merchant on a loopback port; `port=0` takes a free one."""

    daemon_threads = True

    def __init__(self, *, port: int, folder: Path, identity: Identity) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.who, self.mood = identity, Mood.WELL
        self.released = threading.Event()
        self.book = Book(folder / "sandbox.sqlite3")
        self.api, self.cashier, self.wallet = (
            Api(self.book, identity),
            Cashier(self.book, identity),
            Wallet(self.book, identity),
        )
        self.notifier = Notifier(self.book, identity, lambda: self.mood == Mood.SILENT)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def pages_url(self) -> str:
        """Name an origin other than the gateway's: Alipay's pages lie on other hosts, and browsers tell."""
        return f"http://localhost:{self.server_address[1]}"

    def run(self) -> None:
        """Serve until `stop`."""
        self.notifier.start()
        self.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        self.released.set()
        self.notifier.stopping.set()
        self.shutdown()
        self.server_close()
        self.notifier.join()
        self.book.close()


class Handler(BaseHTTPRequestHandler):
    server: Sandbox
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = [part for part in urlsplit(self.path).path.split("/") if part]
        match parts:
            case ["gateway.do"]:
                self._gateway({})
            case ["cashier", ticket]:
                self._send_page(self.server.cashier.show(ticket))
            case ["agreement", ticket]:
                self._send_page(self.server.wallet.show(ticket))
            case ["wallet"]:
                self._send_page(self.server.wallet.overview())
            case ["sandbox.css"]:
                self._send(200, (PAGES / "sandbox.css").read_bytes(), "text/css; charset=utf-8")
            case ["favicon.ico"]:
                self._send(204, b"", "image/x-icon")
            case _:
                self._send_page(not_found())

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            self._send_page(page("message.html", 413, title="内容太长", text=""))
            return
        posted = dict(parse_qsl(self.rfile.read(length).decode()))
        match [part for part in urlsplit(self.path).path.split("/") if part]:
            case ["gateway.do"]:
                self._gateway(posted)
            case ["cashier", ticket, "pay"]:
                self._send_page(self.server.cashier.pay(ticket))
            case ["cashier", ticket, "leave"]:
                self._send_page(self.server.cashier.leave(ticket))
            case ["agreement", ticket, "sign"]:
                self._send_page(self.server.wallet.sign(ticket))
            case ["agreement", ticket, "leave"]:
                self._send_page(self.server.wallet.leave(ticket))
            case ["wallet", ticket, "unsign"]:
                self._send_page(self.server.wallet.unsign(ticket))
            case _:
                self._send_page(not_found())

    def _gateway(self, posted: dict[str, str]) -> None:
        """Answer the merchant, or the browser that the merchant sent."""
        fields = {**dict(parse_qsl(urlsplit(self.path).query)), **posted}
        method, is_genuine = fields.get("method", ""), self.server.who.is_merchants(fields)
        if method in {*PAYING, SIGNING}:
            self._send_page(self._enter(fields) if is_genuine else _bad_signature())
        else:
            self._answer(method, fields, is_genuine=is_genuine)

    def _enter(self, fields: dict[str, str]) -> Page:
        content = json.loads(fields["biz_content"])
        desk = self.server.wallet if fields["method"] == SIGNING else self.server.cashier
        entered = desk.enter(fields, content)
        if entered.location:
            entered.location = urljoin(self.server.pages_url, entered.location)
        return entered

    def _answer(self, method: str, fields: dict[str, str], *, is_genuine: bool) -> None:
        mood = self.server.mood
        if mood == Mood.DOWN:
            self._send(500, b"", "text/html")
            return
        if mood == Mood.HANGING:
            self._never_answer()
            return
        if not is_genuine or method not in self.server.api.methods:
            self._send_json(_refusal(method, "isv.invalid-method" if is_genuine else "isv.invalid-signature"))
            return
        content = json.loads(fields.get("biz_content", "{}"))
        answer = self.server.api.answer(method, content, notify_url=fields.get("notify_url", ""))
        if mood == Mood.MUTE:
            self._never_answer()
            return
        self._send_json(self.server.who.answer(method, answer))

    def _never_answer(self) -> None:
        self.server.released.wait(60)
        self.close_connection = True

    def _send_json(self, text: str) -> None:
        self._send(200, text.encode(), "text/html;charset=utf-8")

    def _send_page(self, shown: Page) -> None:
        headers = {"Content-Security-Policy": POLICY.format(shown.leads_to), "Cache-Control": "no-store"}
        if shown.location:
            headers["Location"] = shown.location
        self._send(shown.status, shown.body.encode(), "text/html; charset=utf-8", headers)

    def _send(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: addresses carry what was signed."""


def _bad_signature() -> Page:
    return page("message.html", 400, title="签名不对", text="isv.invalid-signature：请检查商家的密钥。")


def _refusal(method: str, code: str) -> str:
    """Write an answer as Alipay does when it cannot tell who asks: without a signature."""
    told = {"code": "40002", "msg": "Invalid Arguments", "sub_code": code, "sub_msg": "请求无效"}
    return json.dumps({f"{method.replace('.', '_')}_response": told}, ensure_ascii=False)
