"""What the other apps do when a member takes a consent back.

An app with a part in it has a module `withdrawal` with a function `withdrawn(member, kind, now)`, which ends what
rested on that consent. They are found by name, as in `accounts.closing`: this app imports none of them.
"""

from datetime import datetime
from importlib import import_module
from typing import Any

from django.apps import apps
from django.utils.module_loading import module_has_submodule


def tell_the_apps(*, member: Any, kind: str, now: datetime) -> None:
    """Let every app end what it does with a member's consent of this kind; told twice, it does nothing twice."""
    for app in apps.get_app_configs():
        name = f"{app.name}.withdrawal"
        if name != __name__ and app.module is not None and module_has_submodule(app.module, "withdrawal"):
            import_module(name).withdrawn(member=member, kind=kind, now=now)
