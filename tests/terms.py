"""Deleting what has outlived its term, as the clock does it, for tests of one kind of row."""

from collections import Counter
from datetime import datetime
from time import monotonic

from consent.expiry import LONGEST_SWEEP, expire_kind
from consent.inventory import entries


def expire(*, now: datetime) -> Counter[str]:
    """Delete of every kind in the inventory what is over; return how many rows went, by label."""
    end = monotonic() + LONGEST_SWEEP
    return sum((batch for kind in entries() for batch in expire_kind(kind, now=now, end=end)), Counter[str]())
