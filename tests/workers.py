"""Real Celery workers on a test's own database and broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from kombu import Connection

from config.celery import app


def wait_until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def broker_url() -> str:
    """Name a broker that no other test uses."""
    xdist = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return f"{settings.REDIS_URL.rpartition('/')[0]}/{4 + int(xdist) % 12}"


class Workers:
    """Starts workers and speaks to them through a broker that no other test uses."""

    def __init__(self, **environment: str) -> None:
        self.broker = broker_url()
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.broker,
            "MEDIA_ROOT": str(settings.MEDIA_ROOT),
            "LEDGER_DIR": str(settings.LEDGER_DIR),
            **environment,
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self, *, queues: str = "celery,messages", threads: int = 1, app: str = "config"
    ) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            app,
            "worker",
            "--queues",
            queues,
            "--concurrency",
            str(threads),
            *(["--pool", "threads"] if threads > 1 else []),
            "--loglevel",
            "warning",
        ]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--hostname", f"w{len(self.started)}@t"]
        return self._run([*command, *quiet])

    def start_clock(self) -> subprocess.Popen[bytes]:
        return self._run([sys.executable, "-m", "celery", "-A", "config", "beat", "--loglevel", "warning"])

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=self.environment, start_new_session=True)
        self.started.append(process)
        return process

    def ask(self, task: str) -> None:
        """Send a task as the beat would."""
        with Connection(self.broker) as wire:
            app.send_task(task, connection=wire)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker and its children, as the kernel does when memory is short."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def stop(self) -> None:
        for worker in self.started:
            if worker.poll() is None:
                self.kill(worker)


def database_url() -> str:
    known = connection.settings_dict
    user, password = quote(known["USER"]), quote(known["PASSWORD"])
    return f"postgres://{user}:{password}@{known['HOST']}:{known['PORT']}/{known['NAME']}"
