"""What the front page of the admin says of complaints."""

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from complaints.models import REMIND_BEFORE, Case
from consent.waiting import Waiting


def waiting(request: HttpRequest) -> list[Waiting]:
    """Count the cases that owe an answer, by how soon, in one query."""
    if not request.user.has_perm("complaints.view_case"):
        return []
    now, queue = timezone.now(), reverse("admin:complaints_case_changelist")
    soon = Q(due_at__gte=now, due_at__lt=now + REMIND_BEFORE)
    counts = Case.objects.unanswered().aggregate(
        late=Count("pk", filter=Q(due_at__lt=now)),
        soon=Count("pk", filter=soon),
        nobodys=Count("pk", filter=Q(assigned_to=None)),
        mine=Count("pk", filter=Q(assigned_to=request.user)),
    )
    return [
        Waiting("件投诉或咨询已超期", counts["late"], f"{queue}?queue=overdue", is_urgent=True),
        Waiting(f"件 {REMIND_BEFORE.days} 天内到期", counts["soon"], queue, is_urgent=True),
        Waiting("件待答复，无人经办", counts["nobodys"], f"{queue}?queue=unassigned"),
        Waiting("件待答复，由我经办", counts["mine"], f"{queue}?queue=mine"),
    ]
