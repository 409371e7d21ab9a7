"""What every admin page about people shares: values that are recognised and cannot be taken away."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from consent.admin.base import UnguessableAdmin
from consent.fields import SealedMixin

Mask = Callable[[Any], str]


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
