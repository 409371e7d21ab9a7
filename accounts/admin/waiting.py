"""What the front page of the admin says of leaving."""

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Closure, PurgePause
from accounts.services import PROMISE, REMIND_BEFORE
from consent.waiting import Waiting


def waiting(request: HttpRequest) -> list[Waiting]:
    """Count the closures that need somebody: nobody who leaves can ask any more what became of it."""
    if not request.user.has_perm("accounts.view_closure"):
        return []
    queue = reverse("admin:accounts_closure_changelist")
    blocked, late = Q(state=Closure.State.BLOCKED), Q(requested_at__lt=timezone.now() - PROMISE + REMIND_BEFORE)
    counts = Closure.objects.live().aggregate(blocked=Count("pk", filter=blocked), late=Count("pk", filter=late))
    paused = PurgePause.objects.standing().count()
    return [
        Waiting("个总开关关着：删除已暂停，15 天的承诺照常计时", paused, queue, is_urgent=True),
        Waiting("件注销受阻", counts["blocked"], f"{queue}?state__exact=blocked", is_urgent=True),
        Waiting(f"件注销 {REMIND_BEFORE.days} 天内到期或已超期", counts["late"], queue, is_urgent=True),
    ]
