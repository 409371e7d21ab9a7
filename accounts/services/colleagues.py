"""Who of the staff may do something."""

from django.contrib.auth.backends import ModelBackend
from django.db.models import QuerySet

from accounts.models import User


def colleagues(*, who_may: str, or_superuser: bool = True) -> QuerySet[User]:
    """List the staff who are here and hold a permission; superusers hold every one."""
    able = ModelBackend().with_perm(who_may, is_active=True, include_superusers=or_superuser)
    return able.filter(is_staff=True, closing_at=None).order_by("pk")
