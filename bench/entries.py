"""What is measured, and against what."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench import purge, record, scan, strangers
from bench.floor import floor_of
from bench.server import Request, Server, running

# Many short rounds: a median of thirty bears that every other program on the machine comes and goes.
ROUNDS = 30
REQUESTS = 10
WARM_UP = 30
CHECKS = "consent.middleware.TermsMiddleware consent.middleware.DevicePermissionsMiddleware"
VISITS = "accounts.middleware.VisitsMiddleware"


@dataclass(frozen=True)
class Entry:
    """One line of the result: smaller is better, the goal is the most it may be."""

    name: str
    goal: float
    measure: Callable[[Server, "People"], float]


@dataclass(frozen=True)
class People:
    """Who asks: a signed-in member's cookie, and the form of somebody who signs in with a browser used before."""

    cookie: str
    known: str
    sign_in_form: str
    course: str


def alternate(server: Server, *requests: Request, times: int = REQUESTS) -> list[list[float]]:
    """Return the cost of each request in each round; they take turns, so that a slow minute hits all of them."""
    for request in requests:
        server.cost(request, WARM_UP)
    rounds = ROUNDS * REQUESTS // times
    return [[server.cost(request, times) for request in requests] for _ in range(rounds)]


def page(path: str, *, signed_in: bool = True) -> Callable[[Server, People], float]:
    """Measure a page against a floor of the same size, which is always asked by the member."""

    def measure(server: Server, people: People) -> float:
        own = Request(path.format(course=people.course), cookie=people.cookie if signed_in else "")
        rounds = alternate(server, own, floor_of(server, own, cookie=people.cookie))
        return statistics.median(cost for cost, _ in rounds) / statistics.median(floor for _, floor in rounds)

    return measure


def sign_in(server: Server, people: People) -> float:
    """Measure a successful sign-in, less one password hash, against the floor of the sign-in page.

    A hash costs three times what is left without it: it is taken off within each of many short rounds, or the noise of
    the one would drown the other.
    """
    form = Request("/account/login/")
    requests = [
        Request("/account/login/", cookie=people.known, body=people.sign_in_form, expect=302),
        Request("/bench/hash/"),
        Request("/bench/no-hash/"),
        floor_of(server, form, cookie=people.cookie),
    ]
    rounds = alternate(server, *requests, times=2)
    own = statistics.median(whole - (hashing - nothing) for whole, hashing, nothing, _ in rounds)
    return own / statistics.median(floor for *_, floor in rounds)


def added_by(middleware: str) -> Callable[[Server, People], float]:
    """Measure a page of a member who has agreed to everything against the same page without some of the middleware."""

    def measure(server: Server, people: People) -> float:
        page = Request("/courses/", cookie=people.cookie)
        with running(without=middleware) as bare:
            for one in (server, bare):
                one.cost(page, WARM_UP)
            rounds = [(server.cost(page, REQUESTS), bare.cost(page, REQUESTS)) for _ in range(4 * ROUNDS)]
        return statistics.median(cost / floor for cost, floor in rounds)

    return measure


ENTRIES = [
    Entry("home", 1.5, page("/")),
    Entry("catalogue", 1.5, page("/courses/")),
    Entry("course", 1.5, page("/courses/{course}/")),
    Entry("me", 1.5, page("/me/")),
    Entry("catalogue_signed_out", 1.0, page("/courses/", signed_in=False)),
    Entry("sign_in", 2.0, sign_in),
    Entry("unknown_account_password", 1.05, strangers.told_by("/account/login/", expect=200, password="a wrong one")),
    Entry("unknown_account_code", 1.05, strangers.told_by("/account/login/code/", expect=302)),
    Entry("unknown_account_reset", 1.05, strangers.told_by("/account/password/reset/", expect=302)),
    Entry("consent_checks", 1.05, added_by(CHECKS)),
    Entry("visits", 1.03, added_by(VISITS)),
    Entry("consent_append", 1.5, lambda *_: record.ratio()),
    Entry("consent_append_queue", 1.5, lambda *_: record.ratio_of_the_slow()),
    Entry("consent_append_of_2ms", 1.0, lambda *_: record.milliseconds() / 2.0),
    Entry("scan_of_1000_members", 3.0, lambda *_: scan.ratio()),
    # Rates of 0.6, 0.8, 5 and 1.1 times the other's.
    Entry("purge", 1 / 0.6, lambda *_: purge.against_sql()),
    Entry("purge_without_scan", 1 / 0.8, lambda *_: purge.against_sql_without_scan()),
    Entry("purge_against_orm", 1 / 5, lambda *_: purge.against_orm()),
    Entry("purge_by_two_workers", 1 / 1.1, lambda *_: purge.of_sweeps_at_once()),
    Entry("purge_memory", 60, lambda *_: purge.megabytes()),
]
