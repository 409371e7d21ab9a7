"""What the front page of the admin says of leaving, and of what has outlived its term."""

from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Closure, PurgePause, ResidueFinding
from accounts.services import MAY_DECIDE, PROMISE, REMIND_BEFORE, failed_kinds, time_without_success
from consent.waiting import Waiting


def waiting(request: HttpRequest) -> list[Waiting]:
    """Count what needs somebody who may see it: nobody who leaves can ask any more what became of it."""
    heaps = _closures() if request.user.has_perm("accounts.view_closure") else []
    heaps += _findings() if request.user.has_perm(MAY_DECIDE) else []
    return heaps + (_retention() if request.user.has_perm("accounts.view_retentionrun") else [])


def _findings() -> list[Waiting]:
    """Count what other people said of those who leave: until somebody decides, they are not gone."""
    queue = reverse("admin:accounts_residuefinding_changelist")
    count = ResidueFinding.objects.undecided().count()
    return [Waiting("处内容还提到已经注销的会员，待决定", count, f"{queue}?decision__exact=", is_urgent=True)]


def _closures() -> list[Waiting]:
    queue = reverse("admin:accounts_closure_changelist")
    blocked, late = Q(state=Closure.State.BLOCKED), Q(requested_at__lt=timezone.now() - PROMISE + REMIND_BEFORE)
    counts = Closure.objects.live().aggregate(blocked=Count("pk", filter=blocked), late=Count("pk", filter=late))
    paused = PurgePause.objects.standing().count()
    return [
        Waiting("个总开关关着：删除已暂停，15 天的承诺照常计时", paused, queue, is_urgent=True),
        Waiting("件注销受阻", counts["blocked"], f"{queue}?state__exact=blocked", is_urgent=True),
        Waiting(f"件注销 {REMIND_BEFORE.days} 天内到期或已超期", counts["late"], queue, is_urgent=True),
    ]


def _retention() -> list[Waiting]:
    runs = reverse("admin:accounts_retentionrun_changelist")
    missed = time_without_success(now=timezone.now()) or timedelta()
    return [
        Waiting("小时没有成功的到期删除", int(missed / timedelta(hours=1)), runs, is_urgent=True),
        Waiting("类信息到期没能删除", failed_kinds(), runs, is_urgent=True),
    ]
