"""What the front page of the admin says of leaving, and of what has outlived its term."""

from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Closure, Erasure, PurgePause, ResidueFinding
from accounts.services import (
    LEDGER_PATIENCE,
    MAY_DECIDE,
    PROMISE,
    REMIND_BEFORE,
    failed_kinds,
    problems,
    time_without_success,
)
from consent.waiting import Waiting

REAPPLY = "条删除账本的记录数据库里没有，网站已对会员关闭：请技术人员运行 manage.py reapply_erasures"
MEND_LEDGER = (
    "处删除账本损坏（{damage}），网站已对会员关闭：请技术人员把 LEDGER_DIR 的文件从它的副本放回；"
    "没有副本的，见 manage.py rebuild_ledger --help"
)


def waiting(request: HttpRequest) -> list[Waiting]:
    """Count what needs somebody who may see it: nobody who leaves can ask any more what became of it."""
    heaps = _closures() + _ledger() if request.user.has_perm("accounts.view_closure") else []
    heaps += _findings() if request.user.has_perm(MAY_DECIDE) else []
    return heaps + (_retention() if request.user.has_perm("accounts.view_retentionrun") else [])


def _findings() -> list[Waiting]:
    """Count what still speaks of those who have left: until somebody decides, they have no receipt."""
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


def _ledger() -> list[Waiting]:
    """Say what the site is closed for, or soon will be wrong about, and what to do: no page of ours can."""
    queue = reverse("admin:accounts_closure_changelist")
    behind, damage = problems()
    late = Erasure.objects.waiting_since(timezone.now() - LEDGER_PATIENCE).count()
    return [
        Waiting(MEND_LEDGER.format(damage="，".join(damage)), len(damage), queue, is_urgent=True),
        Waiting(REAPPLY, behind, queue, is_urgent=True),
        Waiting("件注销的结果没有写进删除账本：请技术人员检查 LEDGER_DIR 能否写入", late, queue, is_urgent=True),
    ]


def _retention() -> list[Waiting]:
    runs = reverse("admin:accounts_retentionrun_changelist")
    missed = time_without_success(now=timezone.now()) or timedelta()
    return [
        Waiting("小时没有成功的到期删除", int(missed / timedelta(hours=1)), runs, is_urgent=True),
        Waiting("类信息到期没能删除", failed_kinds(), runs, is_urgent=True),
    ]
