"""How closures stand, for the page above their list: how many in which state, how old, and what is blocked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from accounts.models import Closure, PurgePause
from accounts.services import PROMISE, REMIND_BEFORE, days_left
from accounts.services.closing import in_words

MOST_BLOCKED = 20


@dataclass(frozen=True)
class Age:
    """Closures whose age lies between two ages; the last ones have no upper bound."""

    title: str
    since: timedelta
    until: timedelta | None
    is_urgent: bool = False

    def holds(self, now: datetime) -> Q:
        youngest = Q(requested_at__lte=now - self.since)
        return youngest & Q(requested_at__gt=now - self.until) if self.until else youngest


@dataclass(frozen=True)
class Cell:
    """How many there are, and how long that is beside the most: out of a hundred."""

    number: int
    width: int
    is_urgent: bool = False


def cells(numbers: list[int], *, most: int, urgent: list[bool] | None = None) -> list[Cell]:
    """Draw numbers against the largest of all; whatever there is can be seen."""
    told = urgent or [False] * len(numbers)
    return [Cell(n, max(2, 100 * n // most) if n else 0, is_urgent=u) for n, u in zip(numbers, told, strict=True)]


def ages() -> list[Age]:
    cooling, late = timedelta(days=settings.CLOSURE_COOLING_DAYS), PROMISE - REMIND_BEFORE
    return [
        Age(f"{cooling.days} 天以内", timedelta(days=-1), cooling),
        Age(f"{cooling.days}–{late.days} 天", cooling, late),
        Age(f"{late.days}–{PROMISE.days} 天", late, PROMISE, is_urgent=True),
        Age(f"超过 {PROMISE.days} 天", PROMISE, None, is_urgent=True),
    ]


def overview(*, now: datetime) -> dict[str, Any]:
    """Put together what the page shows: three queries, however many closures there are."""
    blocked = Closure.objects.filter(state=Closure.State.BLOCKED).order_by("requested_at", "pk")
    found = list(blocked[: MOST_BLOCKED + 1])
    return {
        "ages": ages(),
        "states": _states(now),
        "blocked": [_standing(closure, now) for closure in found[:MOST_BLOCKED]],
        "has_more_blocked": len(found) > MOST_BLOCKED,
        "pause": PurgePause.objects.standing().select_related("begun_by").first(),
        "promise": PROMISE.days,
    }


def _standing(closure: Closure, now: datetime) -> dict[str, Any]:
    left = days_left(closure, now=now)
    return {"closure": closure, "left": left, "words": in_words(left)}


def _states(now: datetime) -> list[tuple[str, list[Cell]]]:
    columns = {f"age{place}": Count("pk", filter=age.holds(now)) for place, age in enumerate(ages())}
    counted: Any = Closure.objects.live().order_by().values("state").annotate(**columns)
    found: dict[str, list[int]] = {row["state"]: [row[name] for name in columns] for row in counted}
    most = max((number for numbers in found.values() for number in numbers), default=0)
    urgent = [age.is_urgent for age in ages()]
    rows = [(state.label, found.get(state, [0] * len(columns))) for state in LIVE]
    return [(str(label), cells(numbers, most=most, urgent=urgent)) for label, numbers in rows]


LIVE = [state for state in Closure.State if state not in ("done", "withdrawn", "requested")]
