"""What the clock does for members; each may run twice, and on several workers."""

from celery import shared_task
from django.utils import timezone

from accounts import services
from accounts.models import Message
from consent.turns import at_most, one_at_a_time


@shared_task
def deliver_due_sms(**_later: object) -> int:
    """Send the SMS that are due."""
    return services.deliver_due_messages(
        channel=Message.Channel.SMS, now=timezone.now(), is_closed=services.is_closed()
    )


@shared_task
def deliver_due_mail(**_later: object) -> int:
    """Send the mail that is due."""
    return services.deliver_due_messages(
        channel=Message.Channel.MAIL, now=timezone.now(), is_closed=services.is_closed()
    )


@shared_task
@at_most(services.SWEEPS_AT_ONCE)
def purge_due_accounts(**_later: object) -> int:
    """Purge accounts whose closing is due; safe to run twice, and on several workers."""
    return services.purge_due(now=timezone.now())


@shared_task
def write_ledger(**_later: object) -> int:
    """Copy finished erasures into the ledger outside the database."""
    return services.write_ledger()


@shared_task
def alarm_late_closures(**_later: object) -> int:
    """Raise the alarm over closures whose promise ends within two days."""
    return services.alarm_late_closures(now=timezone.now())


@shared_task
def alarm_unwritten_erasures(**_later: object) -> int:
    """Raise the alarm over erasures that do not get into the ledger."""
    return services.alarm_unwritten_erasures(now=timezone.now())


@shared_task
def build_due_exports(**_later: object) -> int:
    """Build the next export that a member waits for."""
    return services.build_due_exports(now=timezone.now())


@shared_task
@one_at_a_time
def delete_outlived_rows(**_later: object) -> int:
    """Delete whatever has outlived its term, of every app, and leave a record of it."""
    return services.keep_terms(now=timezone.now())


@shared_task
def alarm_missed_retention(**_later: object) -> bool:
    """Raise the alarm when that was not done for too long."""
    return services.alarm_missed_retention(now=timezone.now())
