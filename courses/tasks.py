"""When the clock looks at payments; each may run twice, and on several workers."""

from celery import shared_task
from django.utils import timezone

from consent.turns import one_at_a_time
from courses import services


@shared_task
@one_at_a_time
def submit_due_debits(**_later: object) -> int:
    """Charge saved accounts whose members asked for it."""
    return services.submit_due_debits(now=timezone.now())


@shared_task
@one_at_a_time
def query_silent_payments(**_later: object) -> int:
    """Ask the channels about attempts of which they said nothing."""
    return services.query_silent_payments(now=timezone.now())


@shared_task
@one_at_a_time
def expire_due_orders(**_later: object) -> int:
    """Close orders that nobody paid in time."""
    return services.expire_due_orders(now=timezone.now())


@shared_task
@one_at_a_time
def submit_due_refunds(**_later: object) -> int:
    """Send money back that is owed."""
    return services.submit_due_refunds(now=timezone.now())


@shared_task
@one_at_a_time
def tend_due_accounts(**_later: object) -> int:
    """Finish signings of which nothing was heard, and end agreements of forgotten accounts."""
    return services.tend_due_accounts(now=timezone.now())


@shared_task
@one_at_a_time
def apply_stranded_notices(**_later: object) -> int:
    """Apply notices that were stored and never applied."""
    return services.apply_stranded_notices(now=timezone.now())
