"""What every admin page about people shares."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

# What the admin's own filters and date lists put behind a field's name.
ENDINGS = frozenset({"exact", "id", "isempty", "pk", "in", "isnull", "gt", "gte", "lt", "lte", "year", "month", "day"})


class UnguessableAdmin(admin.ModelAdmin[Any]):
    """Answers no question in the address but those its own filters ask.

    Django lets whoever may see a list ask it anything (`?password__startswith=a`): with enough questions, every
    value that a page masks could be read letter by letter.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        field, *rest = lookup.split("__")
        return field in self._offered(request) and ENDINGS.issuperset(rest)

    def _offered(self, request: HttpRequest) -> set[str | None]:
        """Name what the page's filters and its date list ask about."""
        filters: list[Any] = list(self.get_list_filter(request))
        plain = {entry if isinstance(entry, str) else entry[0] for entry in filters if not isinstance(entry, type)}
        own = {getattr(entry, "parameter_name", None) for entry in filters if isinstance(entry, type)}
        return plain | own | {self.date_hierarchy}
