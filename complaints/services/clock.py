"""The clock's side: reminding before the promise is broken, raising the alarm after."""

from collections import defaultdict
from datetime import datetime

import structlog
from django.db import transaction

from complaints.models import Case, CaseQuerySet
from complaints.services import desk, telling

log = structlog.get_logger(__name__)
AT_ONCE = 200


@transaction.atomic
def remind_due_cases(*, now: datetime) -> int:
    """Remind whoever handles a case that its promise ends within three days; the whole desk if nobody does."""
    cases = _claim(Case.objects.to_be_reminded(now))
    if not cases:
        return 0
    by_handler: dict[int | None, list[Case]] = defaultdict(list)
    for case in cases:
        by_handler[case.assigned_to_id].append(case)
    everyone = list(desk.colleagues())
    for handler_id, theirs in by_handler.items():
        people = [person for person in everyone if person.pk == handler_id] or everyone
        telling.tell_desk(people, theirs, subject="有投诉或咨询即将到期", now=now)
    _mark(cases, reminded_at=now)
    log.info("cases.reminded", count=len(cases))
    return len(cases)


@transaction.atomic
def alarm_overdue_cases(*, now: datetime) -> int:
    """Tell everybody at the desk, and the log, which promises are broken."""
    cases = _claim(Case.objects.to_be_alarmed(now))
    if not cases:
        return 0
    telling.tell_desk(desk.colleagues(), cases, subject="有投诉或咨询已经超期", now=now)
    log.error("cases.overdue", count=len(cases), cases=[case.pk for case in cases])
    _mark(cases, alarmed_at=now)
    return len(cases)


def _claim(cases: CaseQuerySet) -> list[Case]:
    return list(cases.order_by("due_at", "pk").select_for_update(skip_locked=True, of=("self",))[:AT_ONCE])


def _mark(cases: list[Case], **moment: datetime) -> None:
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(**moment)
