"""What people ask of us, what was said about it, and the pictures that go with it."""

from complaints.models.case import (
    KEPT_YEARS,
    PROMISE,
    REMIND_BEFORE,
    CannedAnswer,
    Case,
    CaseQuerySet,
    Entry,
    hash_of_contact,
    last_moment_to_answer,
)
from complaints.models.picture import AT_ONCE, MOST, Picture

__all__ = [
    "AT_ONCE",
    "KEPT_YEARS",
    "MOST",
    "PROMISE",
    "REMIND_BEFORE",
    "CannedAnswer",
    "Case",
    "CaseQuerySet",
    "Entry",
    "Picture",
    "hash_of_contact",
    "last_moment_to_answer",
]
