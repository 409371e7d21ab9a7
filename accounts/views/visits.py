"""A member's own visits, day by day."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from accounts.models import Visit
from consent.asking import stays_open

PER_PAGE = 50
DRAWN = 30  # days
KEPT = Visit.PersonalData.until.days


@stays_open
@login_required
@require_safe
def visits(request: HttpRequest) -> HttpResponse:
    """Show one day's visits, and how many there were on each of the last thirty days."""
    member: Any = request.user
    mine, today = Visit.objects.of_member(member), timezone.localdate()
    days = _count(mine.between(_midnight(today - timedelta(days=DRAWN - 1)), _midnight(today, after=1)), today)
    day = _chosen(request, today) or max((day for day, number in days.items() if number), default=today)
    of_day = mine.between(_midnight(day), _midnight(day, after=1)).order_by("-at", "-pk")
    shown = {
        "day": day,
        "page": Paginator(of_day, PER_PAGE).get_page(request.GET.get("page")),
        "bars": bars(days, day),
        "total": sum(days.values()),
        "earliest": today - timedelta(days=KEPT),
        "today": today,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < today else None,
        "kept": KEPT,
    }
    return render(request, "accounts/visits.html", shown)


def _count(visits: Any, today: date) -> dict[date, int]:
    """Count by day, with a zero for each day without visits."""
    found = {row["day"]: row["number"] for row in visits.by_day()}
    days = (today - timedelta(days=back) for back in range(DRAWN - 1, -1, -1))
    return {day: found.get(day, 0) for day in days}


def _chosen(request: HttpRequest, today: date) -> date | None:
    """Read which day is asked for; one that cannot be, such as tomorrow, counts as none."""
    try:
        day = parse_date(request.GET.get("day", ""))
    except ValueError:  # the thirtieth of February
        return None
    return day if day and today - timedelta(days=KEPT) <= day <= today else None


def _midnight(day: date, *, after: int = 0) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=after), time()))


def bars(days: dict[date, int], chosen: date) -> list[dict[str, Any]]:
    """Turn numbers into bars of a drawing 40 units high; a day with any visit is never drawn as none."""
    most = max([*days.values(), 1])
    heights = [max(1, round(40 * number / most)) if number else 0 for number in days.values()]
    return [
        {"x": place * 10, "y": 40 - height, "height": height, "is_chosen": day == chosen}
        for place, (day, height) in enumerate(zip(days, heights, strict=True))
    ]
