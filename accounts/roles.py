"""Roles of the staff: groups that each app says its part of.

An app's config may carry `roles = {"客服": ["view_case", ...]}`: after every `migrate` these permissions are granted.
Nothing is taken away, so that what an administrator granted by hand stays.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission


def grant(sender: AppConfig, using: str, **_: Any) -> None:
    """Grant one app's part of each role; runs after the permissions of that app were made."""
    for role, codenames in getattr(sender, "roles", {}).items():
        group, _created = Group.objects.using(using).get_or_create(name=role)
        known = Permission.objects.using(using).filter(content_type__app_label=sender.label, codename__in=codenames)
        group.permissions.add(*known)
