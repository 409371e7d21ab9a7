"""A clock of which only one ticks, however many are started."""

from typing import Any

import structlog
from celery.beat import Scheduler
from django.db import connections
from psycopg import Connection, OperationalError

LOCK = 7_301_001  # this clock's place among PostgreSQL's advisory locks
STAND_BY = 2.0

log = structlog.get_logger(__name__)


class LeaderScheduler(Scheduler):
    """Ticks while it holds one PostgreSQL advisory lock; the others stand by and take over within seconds."""

    session: Connection[Any] | None = None
    leads = False

    def tick(self, *args: Any, **kwargs: Any) -> float:
        return super().tick(*args, **kwargs) if self._lead() else STAND_BY

    def _lead(self) -> bool:
        """Tell whether this clock holds the lock; a session that breaks gives it to somebody else."""
        try:
            if self.session is None or self.session.closed:
                self.leads = False
                self.session = self._connect()
            if self.leads:
                self.session.execute("SELECT 1")
            else:
                self.leads = self._take_lock(self.session)
        except OperationalError:
            self.session, self.leads = None, False
        return self.leads

    @staticmethod
    def _connect() -> Connection[Any]:
        parameters = connections["default"].get_connection_params()
        wanted = ("dbname", "user", "password", "host", "port", "connect_timeout")
        chosen = {name: parameters[name] for name in wanted if name in parameters}
        return Connection.connect(autocommit=True, **chosen)

    @staticmethod
    def _take_lock(session: Connection[Any]) -> bool:
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        taken = row is not None and bool(row[0])
        if taken:
            log.info("beat.leads")
        return taken
