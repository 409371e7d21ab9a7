"""When the clock looks at cases; each may run twice, and on several workers."""

from celery import shared_task
from django.utils import timezone

from complaints import services


@shared_task
def remind_due_cases(**_later: object) -> int:
    """Remind the desk of promises that end soon."""
    return services.remind_due_cases(now=timezone.now())


@shared_task
def alarm_overdue_cases(**_later: object) -> int:
    """Raise the alarm over promises that are broken."""
    return services.alarm_overdue_cases(now=timezone.now())
