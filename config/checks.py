"""`manage.py check --deploy` refuses settings that are each allowed, and together are not safe."""

from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def keys_and_places_are_apart(**_: object) -> list[CheckMessage]:
    """List keys, databases and folders that serve two purposes, and doors left open for a demo."""
    problems: list[CheckMessage] = []
    keys = [settings.LOOKUP_KEY, *settings.FIELD_KEYS.values(), *settings.RECEIPT_KEYS.values()]
    if len(set(keys)) < len(keys):
        problems.append(_error(1, "One key serves two purposes", "Whoever learns it would have both."))
    if settings.CACHES["default"]["LOCATION"] == settings.REDIS_URL:
        problems.append(_error(2, "CACHE_URL is REDIS_URL", "Emptying the cache would drop queued jobs."))
    if _lies_in(settings.MEDIA_ROOT, settings.STATIC_ROOT):
        problems.append(_error(3, "MEDIA_ROOT lies in STATIC_ROOT", "Everybody could read every upload."))
    if any(_lies_in(settings.LEDGER_DIR, place) for place in (settings.STATIC_ROOT, settings.MEDIA_ROOT)):
        problems.append(_error(5, "LEDGER_DIR lies among files that are handed out", "Keep it apart."))
    if not settings.STAFF_SECOND_STEP:
        problems.append(_error(4, "STAFF_SECOND_STEP is off", "A stolen password would open the admin."))
    return problems


def _lies_in(inner: str | Path, outer: str | Path) -> bool:
    return Path(inner).resolve().is_relative_to(Path(outer).resolve())


def _error(number: int, message: str, hint: str) -> Error:
    return Error(f"{message}.", hint=hint, id=f"config.E{number:03}")
