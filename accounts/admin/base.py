"""What every admin page about people shares."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from consent.fields import SealedMixin

Mask = Callable[[Any], str]


# What the admin's own filters and date lists put behind a field's name.
ENDINGS = frozenset({"exact", "id", "pk", "in", "isnull", "gt", "gte", "lt", "lte", "year", "month", "day"})


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


class PersonalDataAdmin(UnguessableAdmin):
    """Shows enough of a value to recognise it, never enough to take it away.

    `masks` names fields and how each is masked: the page shows `masked_<field>`, read-only. A sealed field without a
    mask is not shown at all.
    """

    masks: Mapping[str, Mask] = {}

    def __init__(self, model: type[models.Model], site: admin.AdminSite) -> None:
        for name, mask in self.masks.items():
            setattr(self, f"masked_{name}", _column(model, name, mask))
        super().__init__(model, site)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        sealed = [field.name for field in self.opts.get_fields() if isinstance(field, SealedMixin)]
        return [*(super().get_exclude(request, obj) or []), *sealed, *self.masks]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*super().get_readonly_fields(request, obj), *(f"masked_{name}" for name in self.masks)]


def _column(model: type[models.Model], name: str, mask: Mask) -> Callable[[Any], str]:
    def shown(row: Any) -> str:
        return mask(getattr(row, name)) or "—"

    shown.short_description = model._meta.get_field(name).verbose_name  # type: ignore[attr-defined, union-attr]
    return shown
