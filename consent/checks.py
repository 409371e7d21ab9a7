"""`manage.py check` refuses a model that is silent about the people it holds, or says what cannot be done."""

from collections.abc import Iterable, Iterator
from graphlib import CycleError
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from consent import inventory
from consent.fields import KeyedHashField, SealedMixin, SubjectKey

OURS = ("config", "consent", "accounts", "courses", "library", "complaints", "governance")
REQUIRED = ("clause", "purpose", "owner", "on_close")

Model = type[models.Model]


@register
def inventory_is_complete(app_configs: Iterable[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """List each gap in the inventory as an error."""
    chosen = list(app_configs) if app_configs is not None else list(apps.get_app_configs())
    return [problem for app in chosen for model in app.get_models() for problem in _problems(model)]


@register
def inventory_has_an_order(**_: Any) -> list[CheckMessage]:
    """Refuse models that point at each other so that neither can be erased first."""
    try:
        inventory.entries()
    except CycleError as error:
        labels = " → ".join(model._meta.label for model in error.args[1])
        return [Error(f"{labels} point at each other.", hint="let one of the keys be null", id="inventory.E009")]
    except (AttributeError, FieldDoesNotExist):
        return []  # said model by model, as E003 and E010
    return []


def _problems(model: Model) -> Iterator[Error]:
    if model._meta.proxy:
        return
    said = inventory.declaration(model)
    if said is not None:
        yield from _declared_problems(model, said)
    elif inventory.is_declared(model):
        yield from _nothing_held_problems(model)
    elif model._meta.app_label in OURS or inventory.points_at_member(model):
        yield _error(1, model, "does not say what it holds about a person", "PersonalData = None, or a class")
    yield from _dangling_problems(model)


def _nothing_held_problems(model: Model) -> Iterator[Error]:
    telling = {f.name for f in model._meta.fields if isinstance(f, SealedMixin | KeyedHashField)}
    telling.update(inventory.points_at_member(model))
    if telling:
        yield _error(2, model, f"says it holds nothing, but {', '.join(sorted(telling))} tells of a person")


def _declared_problems(model: Model, said: Any) -> Iterator[Error]:
    missing = [name for name in REQUIRED if not hasattr(said, name)]
    if missing:
        yield _error(3, model, f"does not say {', '.join(missing)}")
        return
    entry = inventory.entry_of(model, said)
    yield from _key_problems(entry)
    if entry.unlinks:
        yield from _unlinked_problems(entry)
    elif not entry.deletes:
        yield from _kept_problems(entry)
        yield from _emptied_problems(entry)


def _key_problems(entry: inventory.Entry) -> Iterator[Error]:
    model = entry.model
    for key in inventory.points_at_member(model):
        if key not in {entry.owned_through, *entry.actors}:
            yield _error(4, model, f"does not say what becomes of {key} when that person leaves", "owner or actors")
    if not _leads_to_member(entry):
        yield _error(10, model, f"has an owner, {entry.owner}, that leads to no member")
    for actor in sorted(entry.actors):
        yield from _not_emptiable(model, actor)


def _leads_to_member(entry: inventory.Entry) -> bool:
    if entry.owner == "pk":
        return entry.model is get_user_model()
    try:
        return inventory.path_to_owner(entry)[-1] is get_user_model()
    except (AttributeError, FieldDoesNotExist):
        return False


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


def _unlinked_problems(entry: inventory.Entry) -> Iterator[Error]:
    """Refuse a row that stays and says more of its member than a random number does."""
    own = {f.name: f for f in entry.model._meta.fields}
    if not isinstance(own.get(entry.owner), SubjectKey):
        yield _error(13, entry.model, "is unlinked, but knows its member by more than a random number", "SubjectKey")
    telling = sorted(name for name, f in own.items() if name != entry.owner and _names_somebody(f))
    if telling:
        yield _error(7, entry.model, f"keeps {', '.join(telling)}, which names its member")
    if not entry.because:
        yield _error(5, entry.model, "is kept but does not say because of which rule")


def _emptied_problems(entry: inventory.Entry) -> Iterator[Error]:
    emptied: dict[str, Any] = dict(entry.on_close)  # type: ignore[arg-type]
    for name, value in emptied.items():
        if value is None:
            yield from _not_emptiable(entry.model, name)
    told = {*emptied, *entry.kept, *([entry.until.field] if entry.until else [])}
    for name in sorted(told - {f.name for f in entry.model._meta.fields}):
        yield _error(11, entry.model, f"speaks of {name}, which it does not have")


def _not_emptiable(model: Model, name: str) -> Iterator[Error]:
    fields = {f.name: f for f in model._meta.fields}
    if name in fields and not fields[name].null:
        yield _error(12, model, f"empties {name}, which cannot be null")


def _dangling_problems(model: Model) -> Iterator[Error]:
    """Find keys, in any package's model, that would point at rows that have gone."""
    said = inventory.declaration(model)
    through = getattr(said, "owner", "").split("__")[0]
    for f in model._meta.fields:
        if _points_at_rows_that_go(f) and not f.null and f.name != through:
            yield _error(8, model, f"would be left with a {f.name} that has gone", "null=True, or own it through there")


def _points_at_rows_that_go(f: "models.Field[Any, Any]") -> bool:
    target = f.related_model if f.remote_field else None
    if not isinstance(target, type) or target is get_user_model():
        return False  # keys to the member have their own rules
    said = inventory.declaration(target)
    return said is not None and getattr(said, "on_close", None) == inventory.DELETE


def _names_somebody(f: "models.Field[Any, Any]") -> bool:
    if isinstance(f, SealedMixin | KeyedHashField | models.FileField):
        return True
    return (f.remote_field is not None and f.related_model is get_user_model()) or _points_at_rows_that_go(f)


def _error(number: int, model: Model, message: str, hint: str | None = None) -> Error:
    return Error(f"{model._meta.label} {message}.", hint=hint, obj=model, id=f"inventory.E{number:03}")
