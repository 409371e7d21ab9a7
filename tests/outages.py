"""Doors before real servers, which a test shuts or jams; and the smallest servers that can stand behind them."""

import os
import socket
import threading
from contextlib import ExitStack, closing, suppress
from email import message_from_bytes
from http.server import ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings as configured

from courses.sandbox import Identity, Sandbox
from courses.sandbox.server import Mood
from tests.accounts.test_aliyun import Aliyun

OPEN, HUNG, REFUSED = "open", "hung", "refused"
PARTS = ("mail", "sms", "broker", "cache", "channel")


class Door:
    """A port before a server: open; hung, which takes every call and says nothing; or refused, where nobody listens.

    The port stays the same, so that whoever was pointed at it finds the server again once it is open.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream, self.mood, self.callers = upstream, REFUSED, 0
        self._calls: list[socket.socket] = []
        self._sock = self._bind(0)
        self.host, self.port = self._sock.getsockname()
        self.put(OPEN)

    @staticmethod
    def _bind(port: int) -> socket.socket:
        """Take a port without listening: whoever calls is refused, and nobody else can take it."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        return sock

    def put(self, mood: str) -> None:
        """Change the mood; whoever was connected is cut off, unless the server only falls silent."""
        was, self.mood, self.callers = self.mood, mood, 0
        if mood != HUNG:
            self._hang_up()
        if mood == REFUSED:
            self._stop_listening()
            self._sock = self._bind(self.port)
        elif was == REFUSED:
            self._sock.listen(64)
            threading.Thread(target=self._answer, args=[self._sock], daemon=True).start()

    def _answer(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                call, _ = listener.accept()
                self.callers += 1
                self._calls.append(call)
                if self.mood == OPEN:
                    threading.Thread(target=self._connect, args=[call], daemon=True).start()

    def _connect(self, call: socket.socket) -> None:
        with suppress(OSError):
            server = socket.create_connection(self.upstream)
            self._calls.append(server)
            threading.Thread(target=self._pass_on, args=[server, call], daemon=True).start()
            self._pass_on(call, server)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.mood == OPEN:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _hang_up(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            self._end(call)

    def _stop_listening(self) -> None:
        self._end(self._sock)

    @staticmethod
    def _end(sock: socket.socket) -> None:
        with closing(sock), suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()
        self._stop_listening()


class MailServer(ThreadingTCPServer):
    """Takes mail, and keeps to whom each was and what it said."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.taken: list[tuple[str, str]] = []
        self.cut_off: set[str] = set()  # for whom the line breaks

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Mail(StreamRequestHandler):
    """SMTP as far as one mail needs it."""

    server: MailServer

    def handle(self) -> None:
        with suppress(OSError):
            self._say(220)
            while line := self.rfile.readline().decode().strip():
                verb, _, rest = line.partition(" ")
                if verb.upper() == "RCPT":
                    self.to = rest.partition("<")[2].partition(">")[0]
                    if self.to in self.server.cut_off:
                        return
                if verb.upper() == "DATA":
                    self._take()
                self._say(221 if verb.upper() == "QUIT" else 250)

    def _say(self, code: int) -> None:
        self.wfile.write(b"%d as you say\r\n" % code)

    def _take(self) -> None:
        self._say(354)
        lines = iter(self.rfile.readline, b".\r\n")
        mail = message_from_bytes(b"".join(lines))
        self.server.taken.append((self.to, mail.get_payload(decode=True).decode()))


class House:
    """The parts that a portal leans on, each behind its door."""

    def __init__(self, stack: ExitStack, folder, settings) -> None:
        self.mail = stack.enter_context(MailServer())
        self.sms = _started(stack, _aliyun())
        self.channel = _sandbox(stack, folder)
        self.redis = urlsplit(settings.CACHES["default"]["LOCATION"])
        upstreams = {
            "mail": self.mail.server_address,
            "sms": self.sms.server_address,
            "broker": (self.redis.hostname, self.redis.port),
            "cache": (self.redis.hostname, self.redis.port),
            "channel": self.channel.server_address,
        }
        self.doors = {part: stack.enter_context(Door(upstream)) for part, upstream in upstreams.items()}

    def put(self, part: str, mood: str) -> None:
        for name in PARTS if part == "everything" else [part]:
            self.doors[name].put(mood)

    def redis_url(self, part: str, database: int) -> str:
        return f"redis://:{self.redis.password}@127.0.0.1:{self.doors[part].port}/{database}"

    def letters(self) -> list[str]:
        return sorted(to for to, _ in self.mail.taken)

    def texts(self) -> list[str]:
        return sorted(asked["PhoneNumbers"] for asked, _ in self.sms.asked)


def _started(stack: ExitStack, server: ThreadingHTTPServer) -> ThreadingHTTPServer:
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return server


def _aliyun() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Aliyun)
    server.daemon_threads = True
    server.asked, server.answer, server.delay = [], (200, "OK"), 0
    return server


def _sandbox(stack: ExitStack, folder) -> Sandbox:
    """Play the payment channel: it tells nothing by itself, so that the clock has to ask."""
    said = configured.ALIPAY
    keys = os.environ["ALIPAY_SANDBOX_PRIVATE_KEY"], os.environ["ALIPAY_SANDBOX_MERCHANT_PUBLIC_KEY"]
    sandbox = Sandbox(port=0, folder=folder, identity=Identity(said["app_id"], said["seller_id"], *keys))
    sandbox.mood = Mood.SILENT
    thread = threading.Thread(target=sandbox.run)
    thread.start()
    stack.callback(thread.join)
    stack.callback(sandbox.stop)
    return sandbox
