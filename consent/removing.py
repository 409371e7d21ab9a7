"""Files of rows that hold something about a person go with their rows, whatever deletes these."""

from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.signals import pre_delete

from consent import inventory


def connect() -> None:
    """Listen to every model of the inventory that names files.

    The purge of an account deletes without a word to anybody; it has removed the member's directory before.
    """
    for model in apps.get_models():
        if inventory.declaration(model) is not None and _file_fields(model):
            pre_delete.connect(_remove_files, sender=model, dispatch_uid=f"files of {model._meta.label}")


def _remove_files(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    """Remove the files first: a row that stays after all is deleted again; a file that no row names never would be."""
    for name in _file_fields(sender):
        file = getattr(instance, name)
        if file:
            file.storage.delete(file.name)


def _file_fields(model: type[models.Model]) -> list[str]:
    return [f.name for f in model._meta.fields if isinstance(f, models.FileField)]
