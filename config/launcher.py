"""`make run`: the whole portal on this machine, ended as one.

Servers from wheels (unless the environment names others), migrations, demo data, then the payment channel's sandbox,
a worker, the clock and the web server. The kernel ends each of them when this process dies, however it dies.
"""

import fcntl
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from config import embedded
from config.embedded import demo, processes

PATIENCE = 60.0
PYTHON = sys.executable
# Threads: one process to watch, to kill and to pay memory for; our tasks wait more than they compute.
WORKER = ("-m", "celery", "-A", "config", "worker", "--pool", "threads", "--concurrency")
ROOT = Path(__file__).resolve().parent.parent
PEOPLE = {"医生": ("DOCTOR", "doctor@example.com"), "客服": ("SUPPORT", "support@example.com")}
PEOPLE |= {"超级管理员": ("SUPERUSER", "admin@example.com")}


class Portal:
    """The processes of one running portal."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start a process whose output goes to its own log."""
        log = (self.home / "logs" / f"{name}.log").open("ab")
        self.running[name] = subprocess.Popen(
            [PYTHON, *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=processes.die_with_parent(signal.SIGTERM),
        )

    def finish(self, *names: str) -> None:
        """Wait until these have done their work.

        :raises SystemExit: when one fails, with the end of its log
        """
        for name in names:
            if self.running.pop(name).wait() != 0:
                raise SystemExit(self._last_words(name))

    def check(self) -> None:
        """See that every process still runs.

        :raises SystemExit: when one has stopped, with the end of its log
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                raise SystemExit(self._last_words(name))

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()

    def _last_words(self, name: str) -> str:
        log = self.home / "logs" / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-20:]
        return "\n".join([f"{name} 停止了，日志在 {log}：", *lines])


def main() -> None:
    """Run until Ctrl-C or TERM."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's `&` has SIGINT ignored until somebody says otherwise
        signal.signal(number, _leave)
    if "MAKELEVEL" in os.environ and (die := processes.die_with_parent(signal.SIGTERM)):
        die()  # a make that is killed takes us along
    port = int(os.environ.setdefault("PORT", "8000"))
    home = embedded.directory()
    with _alone(home):
        _refuse_busy(port)
        _choose_sandbox_port(home)
        with step("数据库与缓存"):
            embedded.provide(home)
        portal = Portal(home, port)
        try:
            _prepare(portal)
            _serve(portal)
        except KeyboardInterrupt:
            print("\n正在停止……", flush=True)
        finally:
            portal.stop()


def _prepare(portal: Portal) -> None:
    with step("数据表、演示内容与静态文件"):
        portal.start("prepare", "manage.py", "prepare")
        collected, sources = Path(os.environ["STATIC_ROOT"] + ".collected"), _static_sources()
        if not collected.exists() or collected.read_text() != sources:
            portal.start("static", "manage.py", "collectstatic", "--no-input", "--verbosity", "0")
            portal.finish("static")
            collected.write_text(sources)
        portal.finish("prepare")


def _static_sources() -> str:
    """Fingerprint what collectstatic reads: compressing it anew takes longer than all the rest of a second start."""
    packages = (ROOT / "requirements.txt").read_bytes()
    files = [path for path in sorted(ROOT.glob("static/**/*")) if path.is_file()]
    seen = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(packages + repr(seen).encode()).hexdigest()


def _serve(portal: Portal) -> None:
    with step("网站、任务与支付沙箱"):
        address = f"127.0.0.1:{portal.port}"
        portal.start("web", "-m", "gunicorn", "-c", "config/gunicorn.py", "--bind", address, "config.wsgi")
        portal.start("sandbox", "manage.py", "alipay_sandbox", "--port", os.environ["ALIPAY_SANDBOX_PORT"])
        portal.start("worker", *WORKER, "4")
        portal.start("clock", "-m", "celery", "-A", "config", "beat")
        _wait_for_first_page(portal)
        # Nobody can ask for a code before there is a page; starting it earlier would only make the page later.
        portal.start("messenger", *WORKER, "2", "--queues", "messages", "--hostname", "messenger@%h")
    _introduce(portal)
    while True:
        portal.check()
        time.sleep(0.5)


def _wait_for_first_page(portal: Portal) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        portal.check()
        with suppress(OSError):
            status = _ask_for_first_page(portal.port)
            if status != 200:
                raise SystemExit(f"首页回答 {status}，日志在 {portal.home / 'logs' / 'web.log'}")
            return
        time.sleep(0.05)
    raise SystemExit("网站没有回答")


def _ask_for_first_page(port: int) -> int:
    """Ask without urllib: it would send even this question to the proxy that the environment names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def _introduce(portal: Portal) -> None:
    kept = demo.keys(portal.home)
    print("\n演示帐号")
    for role, (person, address) in PEOPLE.items():
        password = os.environ.get(f"DEMO_PASSWORD_{person}", kept[f"DEMO_PASSWORD_{person}"])
        print(f"  {role:　<6}{address:<24}{password}")
    print("短信与邮件　/demo/inbox/　　日志　" + str(portal.home / "logs"))
    print(f"ready http://127.0.0.1:{portal.port}/", flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    begun = time.monotonic()
    print(f"· {title} …", end=" ", flush=True)
    yield
    print(f"{time.monotonic() - begun:.1f} 秒", flush=True)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep a second portal out of the same directory."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "portal").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"门户已在运行（{home}）。另开一个请换 PORT 和 DEV_DIR。") from None
        yield


def _refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SystemExit(f"端口 {port} 已被占用，请换一个：make run PORT=8001") from None


def _choose_sandbox_port(home: Path) -> None:
    """Write down where the sandbox listens this time, for whoever uses the same directory."""
    port = os.environ.setdefault("ALIPAY_SANDBOX_PORT", str(processes.free_port()))
    (home / demo.SANDBOX_PORT).write_text(port)


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
