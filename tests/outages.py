"""Doors before real servers, which a test shuts or jams; and the smallest servers that can stand behind them."""

import socket
import threading
from contextlib import closing, suppress
from email import message_from_bytes
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Self

OPEN, HUNG, REFUSED = "open", "hung", "refused"


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
