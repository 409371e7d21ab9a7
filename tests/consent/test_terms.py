"""A term is counted in whole years, in China."""

from datetime import UTC, datetime, timedelta

import pytest

from consent.terms import after


@pytest.mark.parametrize(
    ("term", "now", "before"),
    [
        (after("at", years=3), datetime(2027, 5, 6, 12, tzinfo=UTC), datetime(2024, 5, 6, 12, tzinfo=UTC)),
        (after("at", years=3), datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2025, 2, 28, 12, tzinfo=UTC)),
        (after("at", days=30), datetime(2027, 5, 31, 12, tzinfo=UTC), datetime(2027, 5, 1, 12, tzinfo=UTC)),
    ],
)
def test_what_happened_before_this_moment_has_outlived_its_term(term, now, before):
    assert term.ran_out_before(now) == before


@pytest.mark.parametrize(
    ("term", "at", "end"),
    [
        (after("at", years=3), datetime(2024, 5, 6, 12, tzinfo=UTC), datetime(2027, 5, 6, 12, tzinfo=UTC)),
        (after("at", years=3), datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2027, 3, 1, 12, tzinfo=UTC)),
        (after("at", years=4), datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 1, 12, tzinfo=UTC)),
        (after("at", days=30), datetime(2027, 5, 1, 12, tzinfo=UTC), datetime(2027, 5, 31, 12, tzinfo=UTC)),
    ],
)
def test_the_end_that_is_told_is_when_it_is_deleted(term, at, end):
    assert term.ends(at) == end
    assert term.ran_out_before(end - timedelta(days=1)) <= at <= term.ran_out_before(end)
