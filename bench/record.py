"""What it takes to write down one consent while seven others write, each in a sign-up that is not finished yet."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

WRITERS = 8
EACH = 60
# As long as the rest of a sign-up takes after the consents: who waited for it would wait at least so long.
UNFINISHED = 0.02

FLOOR = """
    INSERT INTO consent_acceptance (subject_id, document_id, kind, sha256, action, at)
    SELECT %s, id, kind, sha256, 'acknowledged', now() FROM consent_document WHERE id = %s RETURNING id
"""
BESIDE = "INSERT INTO consent_evidence (acceptance_id, ip, browser) VALUES (%s, '127.0.0.1', 'bench')"


def ratio() -> float:
    """Return the median of an append against the same two rows written by bare SQL, in the same run."""
    own, floor = _measured()
    return statistics.median(own) / statistics.median(floor)


def ratio_of_the_slow() -> float:
    """Return the same of the slowest twentieth: behind a lock it would be as long as others take to finish."""
    own, floor = _measured()
    return statistics.quantiles(own, n=20)[-1] / statistics.quantiles(floor, n=20)[-1]


def milliseconds() -> float:
    """Return the median of an append."""
    return statistics.median(_measured()[0]) * 1000


@cache
def _measured() -> tuple[list[float], list[float]]:
    from django.db import connections

    connections.close_all()
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("fork")) as writers:
        rounds = list(writers.map(_write, range(WRITERS)))
    return [t for own, _ in rounds for t in own], [t for _, floor in rounds for t in floor]


def _warm_up(*appends: Callable[[], None]) -> None:
    """Connect, and let both sides prepare what they prepare once."""
    from django.db import transaction

    for _ in range(10):
        for append in appends:
            with transaction.atomic():
                append()


def _write(_number: int) -> tuple[list[float], list[float]]:
    """Append in turns, by the service and by bare SQL; a transaction stays open for a while after each."""
    from django.db import connection, transaction
    from django.utils import timezone

    from accounts.models import User
    from consent import services
    from consent.models import Document

    member = User.objects.order_by("pk")[0]
    text = Document.objects.current("privacy", timezone.now())
    seen_from = services.Origin(ip="127.0.0.1", browser="bench")

    def by_service() -> None:
        services.accept(member=member, documents=[text], origin=seen_from, now=timezone.now())

    def by_sql() -> None:
        with connection.cursor() as cursor:
            cursor.execute(FLOOR, [member.subject, text.pk])
            cursor.execute(BESIDE, cursor.fetchone())

    _warm_up(by_service, by_sql)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(EACH):
        for spent, append in zip(times, (by_service, by_sql), strict=True):
            with transaction.atomic():
                begun = time.perf_counter()
                append()
                spent.append(time.perf_counter() - begun)
                time.sleep(UNFINISHED)
    connection.close()
    return times
