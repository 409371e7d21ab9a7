"""Whether the work behind an answer tells who is a member: one question about a known contact and an unknown one.

It is counted on both sides of the database: what one of the two asks more often costs there as well.
"""

import http.client
import statistics
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bench.server import TOKEN, Request, Server

if TYPE_CHECKING:
    from bench.entries import People

# Each contact is asked about once at each address: nobody meets the limit of a day, and all limits count as ever.
PAIRS = 240
WARM_UP = 40
KNOWN, UNKNOWN = "known", "other"


def _number(who: str, place: int) -> str:
    return f"+86{'138' if who == KNOWN else '139'}{place:08}"


def _address(who: str, place: int) -> str:
    return f"{who}{place}@example.com"


def told_by(path: str, *, expect: int, **more: str) -> "Callable[[Server, People], float]":
    """Measure how much more the dearer answer costs than the other; by number or by address, whichever tells more."""

    def measure(server: Server, _people: "People") -> float:
        _join()
        return max(_told(server, path, expect, contact, more) for contact in (_number, _address))

    return measure


def _told(server: Server, path: str, expect: int, contact: Callable[[str, int], str], more: dict[str, str]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    spent: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for place in range(PAIRS):
        # Who is asked about first changes each time, so that coming second favours nobody.
        for who in (KNOWN, UNKNOWN) if place % 2 else (UNKNOWN, KNOWN):
            asked = {"login": contact(who, place), "csrfmiddlewaretoken": TOKEN, **more}
            spent[who].append(_cost(server, connection, Request(path, body=urlencode(asked), expect=expect)))
    connection.close()
    known, unknown = (statistics.median(costs[WARM_UP:]) for costs in spent.values())
    return max(known / unknown, unknown / known)


def _cost(server: Server, connection: http.client.HTTPConnection, request: Request) -> float:
    backends = _backends()
    before = server.cpu_seconds() + _cpu_seconds(backends)
    request(connection)
    return server.cpu_seconds() + _cpu_seconds(backends) - before


def _cpu_seconds(pids: list[int]) -> float:
    spent = 0
    for pid in pids:
        with suppress(FileNotFoundError):  # its connection was renewed in between; a median does not mind
            spent += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return spent / 1e9


def _backends() -> list[int]:
    """List the processes in which the database answers the server."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return [pid for (pid,) in cursor]


@cache
def _join() -> None:
    """Make the members who are known: each by a number and an address, both proven, and a password."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.hashers import make_password

    from accounts.models import User

    password = make_password("the right one")
    members = [User(email=_address(KNOWN, place), password=password) for place in range(PAIRS)]
    for place, member in enumerate(members):
        member.set_phone(_number(KNOWN, place), verified=True)
    User.objects.bulk_create(members)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=member, email=member.email or "", verified=True, primary=True) for member in members
    )
