"""What the clock does for consent; each may run twice, and on several workers."""

from celery import shared_task
from django.utils import timezone

from consent import services


@shared_task
def drop_outdated_acknowledgements(**_later: object) -> int:
    """Forget which visitors went past a warning, once they are asked again anyway."""
    return services.drop_outdated_acknowledgements(now=timezone.now())
