"""Starting servers that never outlive who started them."""

import ctypes
import hashlib
import os
import pwd
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """Find a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent(number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """Return what a child runs before its program, so that the kernel ends it when its parent dies (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number)


def unprivileged() -> pwd.struct_passwd | None:
    """Name the account that PostgreSQL runs as when we are root, which it refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SystemExit("以 root 运行时，系统里需要有 postgres 或 nobody 帐户")


def can_enter(path: Path, account: pwd.struct_passwd) -> bool:
    """Tell whether an account can walk down to this path."""
    for folder in [path, *path.parents]:
        mode = folder.stat()
        mine = mode.st_uid == account.pw_uid
        bit = 0o100 if mine else 0o010 if mode.st_gid == account.pw_gid else 0o001
        if not mode.st_mode & bit:
            return False
    return True


def open_to_all(folder: Path) -> None:
    """Let everybody read a tree and run its programs; it holds no secret."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def place_of_cluster(home: Path) -> Path:
    """Tell where the cluster of this directory lies."""
    account = unprivileged()
    if account is None or can_enter(home, account):
        return home / "cluster"
    tag = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"portal-{tag}"  # noqa: S108 - refused unless it is ours
