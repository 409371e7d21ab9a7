"""What the sandbox remembers, restarts included."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS trades (
    out_trade_no TEXT PRIMARY KEY, trade_no TEXT, ticket TEXT UNIQUE, subject TEXT, amount TEXT, method TEXT,
    status TEXT, notify_url TEXT, return_url TEXT, expires REAL, paid REAL, created REAL
);
CREATE TABLE IF NOT EXISTS refunds (
    out_trade_no TEXT, out_request_no TEXT, amount TEXT, made REAL, PRIMARY KEY (out_trade_no, out_request_no)
);
CREATE TABLE IF NOT EXISTS agreements (
    request_no TEXT PRIMARY KEY, agreement_no TEXT, ticket TEXT UNIQUE, status TEXT,
    notify_url TEXT, return_url TEXT, expires REAL, signed REAL
);
CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY, url TEXT, fields TEXT, due REAL, tries INTEGER DEFAULT 0, done INTEGER DEFAULT 0
);
"""
NOT_OPENED, WAITING, PAID, CLOSED = "", "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"

Row = dict[str, Any]


def new_ticket() -> str:
    return secrets.token_urlsafe(16)


def new_number() -> str:
    """Make a number as long as Alipay's."""
    return f"{time.strftime('%Y%m%d')}2200{secrets.randbelow(10**16):016}"


class Book:
    """One SQLite file; every change is one transaction, and one at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(TABLES)
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def one(self, table: str, **where: Any) -> Row | None:
        found = self.all(table, **where)
        return found[0] if found else None

    def all(self, table: str, **where: Any) -> list[Row]:
        condition = " AND ".join(f"{name} = ?" for name in where) or "1"
        return self._rows(f"SELECT * FROM {table} WHERE {condition} ORDER BY rowid", *where.values())  # noqa: S608

    def add(self, table: str, **values: Any) -> None:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._rows(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())  # noqa: S608

    def change(self, table: str, key: Mapping[str, Any], **values: Any) -> None:
        sets = ", ".join(f"{name} = ?" for name in values)
        condition = " AND ".join(f"{name} = ?" for name in key)
        self._rows(f"UPDATE {table} SET {sets} WHERE {condition}", *values.values(), *key.values())  # noqa: S608

    def _rows(self, statement: str, *values: Any) -> list[Row]:
        with self._lock:
            return [dict(row) for row in self._connection.execute(statement, values).fetchall()]

    def trade(self, **where: Any) -> Row | None:
        """Find a trade, closing it first if its time is over."""
        found = self.one("trades", **where)
        if found and found["status"] == WAITING and time.time() >= found["expires"]:
            self.change("trades", {"out_trade_no": found["out_trade_no"]}, status=CLOSED)
            found["status"] = CLOSED
        return found

    def notify(self, url: str, fields: Mapping[str, str]) -> None:
        if url:
            self.add("notices", url=url, fields=json.dumps(fields), due=time.time())

    def due_notices(self) -> list[Row]:
        statement = "SELECT * FROM notices WHERE done = 0 AND due <= ? ORDER BY due LIMIT 20"
        return [{**row, "fields": json.loads(row["fields"])} for row in self._rows(statement, time.time())]
