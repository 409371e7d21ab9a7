"""The purge on a PostgreSQL that is killed in the middle and started again."""

import os
import subprocess
import sys
from contextlib import contextmanager, suppress

import psycopg
import pytest

from config.embedded.servers import Postgres
from tests.workers import wait_until

pytestmark = pytest.mark.processes

LEAVE = """
from datetime import timedelta
from django.utils import timezone
from accounts import services
from tests.factories import make_member
now = timezone.now()
for number in range(20):
    services.close_account(member=make_member(email=f"gone{number}@example.com"), now=now - timedelta(days=8))
make_member(email="stays@example.com")
"""
PURGE = """
from django.utils import timezone
from accounts import services
services.purge_due(now=timezone.now())
"""


class Server:
    """A database server of this test's own, which it may kill."""

    def __init__(self, home) -> None:
        (home / "logs").mkdir()
        self.cluster = Postgres(home, "a password of this test's", scratch=False)
        self.process = None
        places = {"MEDIA_ROOT": str(home / "media"), "LEDGER_DIR": str(home / "ledger")}
        self.environment = {**os.environ, **places, "DATABASE_URL": self.cluster.url()}

    def start(self) -> None:
        self.process = self.cluster.launch()
        self.cluster.wait(self.process)

    def kill(self) -> None:
        """Take the power away: no process of it gets to say anything."""
        with psycopg.connect(self.cluster.url()) as connection:
            found = connection.execute("SELECT pid FROM pg_stat_activity").fetchall()
        self.process.kill()
        self.process.wait()
        for (pid,) in found:
            wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"))

    def manage(self, *words: str) -> None:
        subprocess.run([sys.executable, "manage.py", *words], env=self.environment, check=True, timeout=300)

    def begin(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "manage.py", *words], env=self.environment)

    def ask(self, sql: str) -> list[tuple]:
        with psycopg.connect(self.cluster.url()) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def held(self, table: str):
        """Let whoever wants to change this table wait."""
        holder = psycopg.connect(self.cluster.url())
        holder.execute(f"LOCK TABLE {table} IN SHARE MODE")
        try:
            yield
        finally:
            with suppress(psycopg.Error):
                holder.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("restarted"))
    one.start()
    one.manage("migrate", "--verbosity", "0")
    yield one
    one.process.kill()
    one.process.wait()


@pytest.mark.parametrize("table", ["consent_evidence", "accounts_erasure"])
def test_a_database_that_dies_in_the_middle_has_everybody_gone_once_afterwards(server, table):
    """Where the purge waits when it dies: as rows go, and as the last line is written."""
    server.manage("shell", "-c", LEAVE)
    with server.held(table):
        purge = server.begin("shell", "-c", PURGE)
        wait_until(lambda: server.ask("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        server.kill()
        purge.wait()
    server.start()
    assert server.ask("SELECT count(*) FROM accounts_user WHERE email LIKE 'gone%'") == [(20,)], "nothing is half done"
    done_before = server.ask("SELECT count(*) FROM accounts_closure WHERE state = 'done'")[0][0]
    while server.ask("SELECT FROM accounts_closure WHERE state <> 'done'"):
        server.ask("UPDATE accounts_closure SET next_attempt_at = now() WHERE state <> 'done' RETURNING 1")
        server.manage("shell", "-c", PURGE)
    assert server.ask("SELECT count(*) FROM accounts_user WHERE email LIKE 'gone%'") == [(0,)]
    assert server.ask("SELECT count(*) FROM accounts_user WHERE email = 'stays@example.com'")[0][0] >= 1
    receipts = server.ask("SELECT count(DISTINCT receipt), count(*) FROM accounts_closure WHERE receipt <> ''")
    assert receipts == [(done_before + 20, done_before + 20)]
    erasures = server.ask("SELECT count(DISTINCT number), count(*) FROM accounts_erasure")
    assert erasures == [(done_before + 20, done_before + 20)]
    server.ask("DELETE FROM accounts_user RETURNING 1")
