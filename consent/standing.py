"""What a member last said about each text, as their own page shows it."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from consent.models import Acceptance, Document

SOMEBODY = -1  # stands in the compiled query where a member's id goes


class Word(NamedTuple):
    """The last thing said about texts of one kind, without the text itself."""

    kind: str
    version: str
    title: str
    action: str
    at: datetime

    @property
    def said(self) -> str:
        return Acceptance.Action(self.action).label


def last_words(*, member_id: int) -> list[Word]:
    """Read what a member last said about each kind of text, in a single query."""
    sql, params = _words_of_somebody()
    with connection.cursor() as cursor:
        cursor.execute(sql, [member_id if param == SOMEBODY else param for param in params])
        return [Word(*row) for row in cursor.fetchall()]


@lru_cache(maxsize=1)
def _words_of_somebody() -> tuple[str, tuple[Any, ...]]:
    """Compile the query once: building it takes Django longer than running it."""
    said = Acceptance.objects.filter(subject__pk=SOMEBODY).standing(Document.Kind.values)
    return said.values_list("kind", "document__version", "document__title", "action", "at").query.sql_with_params()
