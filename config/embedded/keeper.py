"""The process that owns the servers of one directory, and how others join it.

Three locks, all let go by the kernel when their holder dies. `in-use`: shared by whoever uses the servers, exclusive
for a keeper that is leaving. `keeper`: held while a keeper lives. `starting`: one newcomer at a time.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO

from config.embedded import demo, processes, servers

PATIENCE = 60.0
GLANCE = 0.02


def join(home: Path, *, scratch: bool = False) -> dict[str, str]:
    """Use the servers of this directory until this process ends; return their addresses.

    :raises SystemExit: when they do not start
    """
    (home / "logs").mkdir(exist_ok=True, mode=0o700)
    lock = os.open(home / "in-use", os.O_CREAT | os.O_RDWR, 0o600)  # never closed: it is ours until we die
    fcntl.flock(lock, fcntl.LOCK_SH)  # waits here while an earlier keeper is leaving
    with (home / "starting").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return _running_servers(home) or _start_keeper(home, scratch=scratch)


def _running_servers(home: Path) -> dict[str, str] | None:
    """Read where the servers listen, if the keeper that wrote it lives; wait out one that was told to stop."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and _is_locked(home / "keeper"):
        if (home / "services.json").exists():
            return _addresses(home)
        time.sleep(GLANCE)
    return None


def _start_keeper(home: Path, *, scratch: bool) -> dict[str, str]:
    """Start a keeper and wait until its servers answer.

    :raises SystemExit: when it stops or is silent instead, with the end of its log
    """
    (home / "services.json").unlink(missing_ok=True)
    log = home / "logs" / "keeper.log"
    command = [sys.executable, "-m", "config.embedded", str(home), *(["scratch"] if scratch else [])]
    root = Path(__file__).resolve().parents[2]
    with log.open("w") as out:
        keeper = subprocess.Popen(
            command, cwd=root, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and keeper.poll() is None:
        if (home / "services.json").exists():
            return _addresses(home)
        time.sleep(GLANCE)
    raise SystemExit(f"数据库没有启动（{log}）：\n{log.read_text()[-2000:]}")


def _addresses(home: Path) -> dict[str, str]:
    return dict(json.loads((home / "services.json").read_text()))


def _is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def keep(home: Path, *, scratch: bool) -> None:
    """Run the servers for as long as somebody uses them; a scratch directory goes with its last user."""
    signal.signal(signal.SIGTERM, _leave)
    with (home / "keeper").open("a") as alive, (home / "in-use").open("a") as in_use:
        fcntl.flock(alive, fcntl.LOCK_EX)
        running: list[subprocess.Popen[bytes]] = []
        try:
            _start_servers(home, running, scratch=scratch)
            while all(process.poll() is None for process in running) and not _all_have_left(in_use):
                time.sleep(0.2)
        finally:
            _stop_servers(home, running)
            if scratch:
                shutil.rmtree(processes.place_of_cluster(home), ignore_errors=True)
                shutil.rmtree(home, ignore_errors=True)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _start_servers(home: Path, running: "list[subprocess.Popen[bytes]]", *, scratch: bool) -> None:
    """Start what our environment does not name, and write down where it listens."""
    kept = demo.keys(home)
    urls: dict[str, str] = {}
    chosen: list[servers.Valkey | servers.Postgres] = []
    if not os.environ.get("REDIS_URL"):
        chosen.append(valkey := servers.Valkey(home, kept["valkey"], scratch=scratch))
        urls |= {"REDIS_URL": valkey.url(0), "CACHE_URL": valkey.url(1)}
    if not os.environ.get("DATABASE_URL"):
        chosen.append(postgres := servers.Postgres(home, kept["postgres"], scratch=scratch))
        urls |= {"DATABASE_URL": postgres.url()}
    for server in chosen:
        running.append(server.launch())
    for server, process in zip(chosen, running, strict=True):
        server.wait(process)
    half = home / "services.new"
    with os.fdopen(os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(urls, file)
    half.rename(home / "services.json")


def _stop_servers(home: Path, running: "list[subprocess.Popen[bytes]]") -> None:
    (home / "services.json").unlink(missing_ok=True)
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)


def _all_have_left(in_use: IO[str]) -> bool:
    """Tell whether nobody uses the servers; from then on newcomers wait until this process has ended."""
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
