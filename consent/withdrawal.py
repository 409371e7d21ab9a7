"""What the other apps do when a member takes a consent back.

An app with a part in it has a module `withdrawal` with a function `withdrawn(member, kind, now)`, which ends what
rested on that consent. They are found by name, as in `accounts.closing`: this app imports none of them.
"""

from datetime import datetime
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils.module_loading import module_has_submodule

from consent import services
from consent.models import Permission
from consent.services import Origin


@transaction.atomic
def take_back(
    *, member: Any, kind: str, origin: Origin, now: datetime, state: str = Permission.State.TAKEN_BACK
) -> bool:
    """Take back the consent of one kind, on every device, and end what rested on it; tell whether there was one.

    `state`: what becomes of an open permission; after a refusal no card offers it for 90 days.
    """
    recalled = kind in Permission.Kind.values and services.close_everywhere(
        member=member, kind=kind, origin=origin, now=now, state=state
    )
    withdrawn = services.withdraw(member=member, kind=kind, origin=origin, now=now)
    _tell_the_apps(member=member, kind=kind, now=now)
    return bool(recalled or withdrawn)


def _tell_the_apps(*, member: Any, kind: str, now: datetime) -> None:
    """Let every app end what it does with a member's consent of this kind; told twice, it does nothing twice."""
    for app in apps.get_app_configs():
        name = f"{app.name}.withdrawal"
        if name != __name__ and app.module is not None and module_has_submodule(app.module, "withdrawal"):
            import_module(name).withdrawn(member=member, kind=kind, now=now)
