"""A whole portal (web, worker, clock, cashier) and Debian's Chromium, watched for anything a person should not meet."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from config.embedded import cleaning

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"ready (http://\S+?)/?$")
PERSON = re.compile(r"(\w+)@example\.com +(\S+)")
CHROMIUM = "/usr/bin/chromium"
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
SCREENS = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}


@dataclass
class Portal:
    """A running portal, where it keeps its data, and the passwords of its demo."""

    url: str
    home: Path
    passwords: dict[str, str]
    environment: dict[str, str]

    def manage(self, *words: str) -> str:
        """Run a management command beside the portal, as an operator would."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The portal that most tests visit."""
    with run_portal(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


@contextmanager
def run_portal(home: Path, **chosen: str) -> Iterator[Portal]:
    """Run a portal as `make run` does, in a directory and on a port of its own, with these settings chosen."""
    environment = {"PATH": os.environ["PATH"], "DEV_DIR": str(home), **chosen}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = subprocess.Popen(
        [sys.executable, "-m", "config.launcher"],
        cwd=ROOT,
        env={**environment, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with launcher:
        try:
            yield _wait_until_ready(launcher, home, environment)
        finally:
            launcher.send_signal(signal.SIGTERM)
            launcher.wait(30)
    _clean(home)


def _clean(home: Path) -> None:
    """Remove the portal's data as soon as the keeper of its servers has left too."""
    for _ in range(100):
        try:
            return cleaning.clean(home)
        except SystemExit:
            time.sleep(0.1)
    return cleaning.clean(home)


def _wait_until_ready(process: subprocess.Popen[str], home: Path, environment: dict[str, str]) -> Portal:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := READY.search(line.strip()):
            return Portal(found[1], home, dict(PERSON.findall("".join(said))), environment)
    raise AssertionError("the portal did not start:\n" + "".join(said[-40:]))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET + as_root}


@dataclass
class Visitor:
    """One person's browser; remembers every complaint of the console, and the codes it has read."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.look()

    def look(self, *, is_from_memory: bool = False) -> None:
        """Check the page shown as a careful reader would: nothing for axe, no leaked template, one heading.

        A page that Back or Forward may have brought out of memory is complete, and never loads.
        """
        self.look_at_admin(is_from_memory=is_from_memory)
        page = self.page
        assert page.locator("h1").count() == 1, page.url
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{page.url} scrolls sideways"

    def look_at_admin(self, *, is_from_memory: bool = False) -> None:
        """Check what Django's own pages keep too."""
        page = self.page
        if not is_from_memory:
            page.wait_for_load_state()
        findings = Axe().run(page).response["violations"]
        told = [f"{v['id']}: {node['html'][:160]}" for v in findings for node in v["nodes"]]
        assert not told, f"{page.url}\n" + "\n".join(told)
        assert "{{" not in page.content(), page.url


def _watch(visitor: Visitor) -> None:
    def heard(message: object) -> None:
        if message.type in {"error", "warning"}:
            visitor.complaints.append(f"{visitor.page.url}: {message.text}")

    visitor.page.on("console", heard)
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))


@pytest.fixture(params=sorted(SCREENS))
def screen(request: pytest.FixtureRequest) -> dict[str, int]:
    return SCREENS[request.param]


@pytest.fixture
def visit(browser: Browser, portal: Portal, screen: dict[str, int]) -> Iterator:
    """Give one more person a browser of their own."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def arrive() -> Visitor:
        context = browser.new_context(viewport=screen, locale="zh-CN", has_touch=screen["width"] < 600)
        visitor = Visitor(context.new_page(), portal.url)
        _watch(visitor)
        opened.append((context, visitor))
        return visitor

    yield arrive
    for context, visitor in opened:
        context.close()
        assert not visitor.complaints, "\n".join(visitor.complaints)
