"""`manage.py check` refuses a model that is silent about the people it holds."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, register
from django.db import models

from consent import inventory

OURS = ("config", "consent", "accounts", "courses", "library", "complaints", "governance")
REQUIRED = ("clause", "purpose", "owner", "on_close")


@register
def inventory_is_complete(app_configs: Iterable[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """List each gap in the inventory as an error."""
    chosen = list(app_configs) if app_configs is not None else list(apps.get_app_configs())
    return [problem for app in chosen for model in app.get_models() for problem in _problems(model)]


def _problems(model: type[models.Model]) -> Iterator[Error]:
    said = inventory.declaration(model)
    keys = inventory.points_at_member(model)
    if not inventory.is_declared(model):
        if model._meta.app_label in OURS or keys:
            yield _error(1, model, "does not say what it holds about a person", "PersonalData = None, or a class")
        return
    if said is None:
        if keys:
            yield _error(2, model, f"says it holds nothing, but {', '.join(keys)} names the member")
        return
    missing = [name for name in REQUIRED if not hasattr(said, name)]
    if missing:
        yield _error(3, model, f"does not say {', '.join(missing)}")
        return
    yield from _entry_problems(inventory._entry(model, said), keys)


def _entry_problems(entry: inventory.Entry, keys: list[str]) -> Iterator[Error]:
    model = entry.model
    told = {entry.owner.split("__")[0], *entry.actors}
    for key in keys:
        if key not in told:
            yield _error(4, model, f"does not say what becomes of {key} when that person leaves", "owner or actors")
    if not entry.deletes:
        yield from _kept_problems(entry)


def _kept_problems(entry: inventory.Entry) -> Iterator[Error]:
    model, changed = entry.model, set(entry.on_close)
    if entry.until is None or not entry.because:
        yield _error(5, model, "is kept but does not say until when and because of which rule")
    for f in model._meta.fields:
        if f.primary_key or f.name in entry.actors:
            continue
        if f.name not in changed | entry.kept:
            yield _error(6, model, f"is kept but {f.name} is neither kept nor emptied")
        if f.name in entry.kept and _names_somebody(f):
            yield _error(7, model, f"keeps {f.name}, which names its member")


def _names_somebody(f: "models.Field[Any, Any]") -> bool:
    from django.contrib.auth import get_user_model

    from consent.fields import KeyedHashField, SealedMixin

    if isinstance(f, SealedMixin | KeyedHashField | models.FileField):
        return True
    target = f.related_model if f.remote_field else None
    if target is get_user_model():
        return True
    said = inventory.declaration(target) if isinstance(target, type) else None
    return said is not None and getattr(said, "on_close", None) == inventory.DELETE


def _error(number: int, model: type[models.Model], message: str, hint: str | None = None) -> Error:
    return Error(f"{model._meta.label} {message}.", hint=hint, obj=model, id=f"inventory.E{number:03}")
