"""What the clock does for consent; each may run twice, and on several workers."""

from celery import shared_task
from django.utils import timezone

from consent import services


@shared_task
def seal_record(**_later: object) -> int:
    """Give what people said a moment ago its place in the chain."""
    return services.seal()


@shared_task
def write_head_of_record(**_later: object) -> bool:
    """Verify the chain and write its head down outside the database, once a day."""
    return services.write_head(now=timezone.now())


@shared_task
def carry_out_recalls(**_later: object) -> int:
    """Delete what was collected with permissions that were taken back."""
    return services.carry_out_recalls(now=timezone.now())
