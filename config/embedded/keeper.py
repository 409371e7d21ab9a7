"""The process that owns the servers of one directory, and how others join it.

`python -m config.embedded DIRECTORY` starts the servers, writes their addresses to `services.json`, and stops
them as soon as nobody holds the lock on `in-use` any more.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO

from config.embedded import demo, servers

PATIENCE = 60.0
_held: list[IO[str]] = []


def join(home: Path, *, scratch: bool = False) -> dict[str, str]:
    """Use the servers of this directory until this process ends; return their addresses.

    :raises SystemExit: when they do not start
    """
    (home / "logs").mkdir(exist_ok=True, mode=0o700)
    lock = (home / "in-use").open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)
    _held.append(lock)
    with (home / "starting").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return _addresses(home) or _start_keeper(home, scratch=scratch)


def _addresses(home: Path) -> dict[str, str] | None:
    """Read where the servers listen, if the keeper that wrote it still lives."""
    with (home / "keeper").open("a") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _wait_for_addresses(home)
    (home / "services.json").unlink(missing_ok=True)
    return None


def _wait_for_addresses(home: Path, keeper: "subprocess.Popen[bytes] | None" = None) -> dict[str, str]:
    path, until = home / "services.json", time.monotonic() + PATIENCE
    while time.monotonic() < until and (keeper is None or keeper.poll() is None):
        if path.exists():
            return dict(json.loads(path.read_text()))
        time.sleep(0.02)
    log = home / "logs" / "keeper.log"
    raise SystemExit(f"数据库没有启动（{log}）：\n{log.read_text()[-2000:]}")


def _start_keeper(home: Path, *, scratch: bool) -> dict[str, str]:
    command = [sys.executable, "-m", "config.embedded", str(home), *(["scratch"] if scratch else [])]
    with (home / "logs" / "keeper.log").open("w") as log:
        root = Path(__file__).resolve().parents[2]
        process = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return _wait_for_addresses(home, process)


def keep(home: Path, *, scratch: bool) -> None:
    """Run the servers for as long as somebody uses them."""
    alive = (home / "keeper").open("a")
    fcntl.flock(alive, fcntl.LOCK_EX)
    signal.signal(signal.SIGTERM, _stop)
    running: list[subprocess.Popen[bytes]] = []
    try:
        running += _start_servers(home, scratch=scratch)
        while all(process.poll() is None for process in running) and _somebody_is_there(home):
            time.sleep(0.2)
    finally:
        (home / "services.json").unlink(missing_ok=True)
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(20)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _start_servers(home: Path, *, scratch: bool) -> "list[subprocess.Popen[bytes]]":
    kept = demo.keys(home)
    postgres = servers.Postgres(home, kept["postgres"], scratch=scratch)
    valkey = servers.Valkey(home, kept["valkey"], scratch=scratch)
    # Valkey is started from this very thread: the kernel's "parent" is the thread that forked.
    with_valkey = valkey.start()
    with_postgres = postgres.start()
    urls = {"DATABASE_URL": postgres.url(), "REDIS_URL": valkey.url(0), "CACHE_URL": valkey.url(1)}
    half = home / "services.new"
    with os.fdopen(os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(urls, file)
    half.rename(home / "services.json")
    return [with_postgres, with_valkey]


def _somebody_is_there(home: Path) -> bool:
    with (home / "in-use").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

