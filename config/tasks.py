"""The pulse: proof that the clock, the broker and a worker are all alive."""

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

PULSE = "config:pulse"


@shared_task
def heartbeat(**_later: object) -> None:
    """Leave the time where the readiness page finds it."""
    cache.set(PULSE, timezone.now().timestamp(), timeout=3600)
