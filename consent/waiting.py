"""What waits for the staff. An app whose admin module has `waiting(request)` returns a list of these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """One heap of work on the front page of the admin."""

    title: str
    count: int
    url: str
    is_urgent: bool = False
