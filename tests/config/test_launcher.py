"""The whole portal is started as one and ends as one, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded import processes
from config.embedded.cleaning import clean

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.processes


class Launched:
    """A launcher in a directory of its own, and every process that belongs to it."""

    def __init__(self, home: Path, port: int, **more: str) -> None:
        self.home, self.port = home, port
        lacking = {"DATABASE_URL", "REDIS_URL", "CACHE_URL", "MEDIA_ROOT", "SITE_URL", "DEMO_INBOX_DIR"}
        environment = {name: value for name, value in os.environ.items() if name not in lacking}
        environment |= {"DEV_DIR": str(home), "PORT": str(port), "PYTHONPATH": str(ROOT)} | more
        command = [sys.executable, "-m", "config.launcher"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said = ""

    def until(self, pattern: str) -> None:
        """Read what it says until this is said."""
        assert self.process.stdout is not None
        while not re.search(pattern, self.said):
            piece = self.process.stdout.read(1)
            assert piece, f"it stopped: {self.said}"
            self.said += piece

    def left(self) -> list[str]:
        """List the processes of this directory that still run."""
        found, signs = [], {str(self.home), str(processes.place_of_cluster(self.home))}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                told = command + (folder / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if any(sign in told for sign in signs) and int(folder.name) != os.getpid():
                found.append(f"{folder.name} {command}")
        return found

    def all_gone(self, within: float = 15.0) -> list[str]:
        """Return what still runs after a while: nothing, it is hoped."""
        until = time.monotonic() + within
        while (left := self.left()) and time.monotonic() < until:
            time.sleep(0.2)
        return left


@pytest.fixture(scope="module")
def static(tmp_path_factory) -> str:
    """One directory of style sheets for all: compressing them anew for each launch would take most of the time."""
    return str(tmp_path_factory.mktemp("shared") / "static")


@pytest.fixture
def launch(tmp_path, static) -> Iterator:
    started: list[Launched] = []

    def start(name: str = "home", **more: str) -> Launched:
        launched = Launched(tmp_path / name, processes.free_port(), STATIC_ROOT=static, **more)
        started.append(launched)
        return launched

    yield start
    for launched in started:
        launched.process.kill()
        launched.process.wait()
        launched.process.stdout.close()
    assert [line for launched in started for line in launched.all_gone()] == []
    for launched in started:
        clean(launched.home)


def ask(launched: Launched, path: str = "/") -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{launched.port}{path}", timeout=10) as answer:
        return answer.status


def test_it_says_ready_only_when_the_first_page_answers_and_ends_with_term(launch):
    launched = launch()
    launched.until(r"ready http://127\.0\.0\.1:\d+/\n")
    assert ask(launched) == 200
    assert "doctor@example.com" in launched.said
    launched.process.send_signal(signal.SIGTERM)
    launched.process.wait(20)
    assert launched.all_gone(5) == []


def test_it_keeps_its_data_and_needs_no_network_the_second_time(launch):
    first = launch()
    first.until("ready http")
    first.process.send_signal(signal.SIGINT)
    first.process.wait(20)
    second = launch(
        http_proxy="http://127.0.0.1:9", PIP_INDEX_URL="http://127.0.0.1:9", UV_DEFAULT_INDEX="http://127.0.0.1:9"
    )
    second.until("ready http")
    passwords = [re.search(r"doctor@example\.com\s+(\S+)", portal.said)[1] for portal in (first, second)]
    assert passwords[0] == passwords[1]
    assert oct((second.home / "keys.json").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("moment", ["数据库与缓存", "数据表", "支付沙箱", "ready http"])
def test_killed_at_any_moment_it_leaves_no_process_and_starts_again(launch, moment):
    launched = launch()
    launched.until(moment)
    launched.process.kill()
    launched.process.wait()
    assert launched.all_gone() == []
    again = launch()
    again.until("ready http")
    assert ask(again) == 200


def test_two_live_side_by_side_and_the_same_directory_is_refused_twice(launch):
    one = launch("one")
    one.until("ready http")
    other = launch("other")
    other.until("ready http")
    assert ask(one) == ask(other) == 200
    twin = launch("one")
    twin.process.wait(20)
    assert "门户已在运行" in twin.process.stdout.read()
    busy = launch("third", PORT=str(one.port))
    busy.process.wait(20)
    assert f"端口 {one.port} 已被占用" in busy.process.stdout.read()


def test_a_part_that_stops_is_named_with_its_last_words(launch):
    launched = launch()
    launched.until("ready http")
    worker = next(line for line in launched.left() if " worker " in line and "messages" not in line)
    os.kill(int(worker.split()[0]), signal.SIGKILL)
    launched.until("worker 停止了，日志在")
    launched.process.wait(20)
    assert launched.process.returncode != 0
