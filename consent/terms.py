"""How long a row stays that need not go with its member at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone


@dataclass(frozen=True)
class Term:
    """How long a row without a name stays, counted from one of its own dates; `named_too`: one with a name as well."""

    field: str
    years: int = 0
    days: int = 0
    named_too: bool = False

    def __str__(self) -> str:
        return f"{self.years} 年" if self.years else f"{self.days} 天"

    def ran_out_before(self, now: datetime) -> datetime:
        """Return the moment such that what happened before it has outlived its term now."""
        local = timezone.localtime(now)
        # 29 February has no anniversary in most years: the day before is never too late.
        day = min(local.day, 28) if local.month == 2 else local.day
        return local.replace(year=local.year - self.years, day=day) - timedelta(days=self.days)

    def ends(self, moment: datetime) -> datetime:
        """Return when a row of this moment has outlived its term."""
        local = timezone.localtime(moment)
        if (local.month, local.day) == (2, 29):
            local = local.replace(month=3, day=1)
        return local.replace(year=local.year + self.years) + timedelta(days=self.days)


def after(field: str, *, years: int = 0, days: int = 0, named_too: bool = False) -> Term:
    return Term(field, years=years, days=days, named_too=named_too)
