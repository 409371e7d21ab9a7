"""Pieces of pages that are the same for everybody, kept until a course changes."""

from collections.abc import Callable

from django.core.cache import cache
from django.db import transaction
from django.utils.safestring import SafeString, mark_safe

CATALOGUE, HOME = "catalogue", "home"
# A course may also appear because its hour has come, and nothing is saved then.
SECONDS = 60


def remembered(name: str, make: Callable[[], SafeString]) -> SafeString:
    """Return a piece of a page, made anew when it is not known; whoever typed something never gets here."""
    html = cache.get(_key(name))
    if html is None:
        html = str(make())
        cache.set(_key(name), html, SECONDS)
    return mark_safe(html)  # noqa: S308 - it was safe when it was made


def forget_lists() -> None:
    """Forget the lists now, and again when everybody else can read the change."""
    keys = [_key(CATALOGUE), _key(HOME)]
    cache.delete_many(keys)
    transaction.on_commit(lambda: cache.delete_many(keys))


def _key(name: str) -> str:
    return f"courses.{name}"
