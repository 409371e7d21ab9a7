"""One gunicorn worker whose CPU time is read from the kernel."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "b" * 32


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """Sends requests one after the other and tells what they cost the server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def cpu_seconds(self) -> float:
        """Add up the time on a processor of every thread of the master and its worker."""
        pids = [self.process.pid, *self._children()]
        spent = 0
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                spent += int((task / "schedstat").read_text().split()[0])
        return spent / 1e9

    def _children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def cost(self, send: "Request", times: int) -> float:
        """Return CPU seconds per request over `times` requests on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        before = self.cpu_seconds()
        for _ in range(times):
            send(connection)
        spent = self.cpu_seconds() - before
        connection.close()
        return spent / times


class Request:
    """One request, repeated as it is."""

    def __init__(self, path: str, *, cookie: str = "", body: str | None = None, expect: int = 200) -> None:
        self.path, self.body, self.expect = path, body, expect
        self.headers = {"Cookie": "; ".join(filter(None, [f"csrftoken={TOKEN}", cookie]))}
        if body is not None:
            self.headers["Content-Type"] = "application/x-www-form-urlencoded"

    def __call__(self, connection: http.client.HTTPConnection) -> bytes:
        connection.request("GET" if self.body is None else "POST", self.path, self.body, self.headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != self.expect:
            raise SystemExit(f"{self.path} answered {answer.status}, not {self.expect}: {_text(content)}")
        return content


def _text(content: bytes) -> str:
    return re.sub(r"<[^>]*>|\s+", " ", content.decode(errors="replace"))[:400]


@contextmanager
def running(*, without: str = "") -> Iterator[Server]:
    """Run the portal under gunicorn with one worker for as long as the block lasts; `without` these middlewares."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    command += ["--worker-class", "gthread", "--threads", "1", "--no-control-socket", "--keep-alive", "60"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bench.settings", "LOG_LEVEL": "WARNING"}
    environment["BENCH_WITHOUT"] = without
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(process, port)
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("the server stopped at once")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer within 30 seconds")
