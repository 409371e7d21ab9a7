"""What becomes of a member's orders and saved accounts when they leave."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.db.models import Aggregate, Count, QuerySet, Sum, Value
from django.urls import reverse
from django.utils import timezone

from accounts.closing import Consequence, NotYet
from accounts.models import User
from consent.lookups import Among
from courses import gateways, services
from courses.models import Enrollment, Order, PaymentAccount


def consequences(member: User) -> list[Consequence]:
    """Say what is open, what could still be refunded, and what is lost."""
    open_matters = _open_matters(member)
    return [_tell(matter, open_matters[matter]) for matter in MATTERS if open_matters.get(matter)]


MATTERS = {
    "refundable": Consequence(
        title="可退款 ¥{}",
        text="这些课程还在可以退课的期限内。注销不会自动退款；可以在这里一次全部退课，也可以在订单里逐个退。款项退回原来的付款渠道，注销以后照样退。",
        url="courses:orders",
        link="逐个查看",
        settle_at="courses:give_back_all",
        settle="全部退课退款",
    ),
    "pending": Consequence(
        title="{} 个订单还没有付款",
        text="开始删除时会关闭这些订单；关闭之后才到账的款项，全额退回原来的付款渠道。",
        url="courses:orders",
        link="查看我的订单",
    ),
    "courses": Consequence(
        title="{} 门已购买的课程",
        text="注销以后不能再学习，重新注册也不会恢复。",
        url="courses:my_courses",
        link="查看我的课程",
    ),
    "accounts": Consequence(
        title="{} 个已保存的支付账号",
        text="提交注销后立即停用；开始删除时到支付渠道解约，然后删除凭据。",
        url="courses:payment_accounts",
        link="查看支付账号",
    ),
}


def _tell(matter: str, number: int) -> Consequence:
    said = MATTERS[matter]
    shown = services.price(number) if matter == "refundable" else number
    settle_at = reverse(said.settle_at) if said.settle_at else ""
    return replace(said, title=said.title.format(shown), url=reverse(said.url), settle_at=settle_at)


def _open_matters(member: User) -> dict[str, int]:
    """Count what is open, in one query; of what is refundable, the fen."""
    orders = Order.objects.for_member(member)
    one, fen = Count("pk"), Sum("total_fen")
    rows = _row("refundable", orders.refundable(timezone.now()), fen).union(
        _row("pending", orders.pending(), one),
        _row("courses", Enrollment.objects.live().for_member(member), one),
        _row("accounts", PaymentAccount.objects.for_member(member).shown(), one),
        all=True,
    )
    return {row["matter"]: row["number"] for row in rows}


def _row(matter: str, rows: QuerySet[Any], number: Aggregate) -> QuerySet[Any, dict[str, Any]]:
    return rows.order_by().values(matter=Value(matter)).annotate(number=number)


def bound(member_ids: Collection[int]) -> set[int]:
    """Tell who could still pay for something, or has an account that a channel knows."""
    theirs = {"member__pk__among": Among(member_ids)}
    could_pay = Order.objects.pending().filter(**theirs).values_list("member_id", flat=True)
    return {*could_pay, *PaymentAccount.objects.filter(**theirs).values_list("member_id", flat=True)}


def release(member: User) -> None:
    """Close what the member could still pay, and give back the right to charge their accounts.

    :raises NotYet: while a channel does not answer
    """
    now = timezone.now()
    for order in Order.objects.for_member(member).pending():
        _cancel(order)
    accounts = PaymentAccount.objects.for_member(member)
    for account_id in accounts.values_list("pk", flat=True):
        services.forget_account(account_id=account_id, now=now)
    for account in accounts:
        _end_agreement(account)
    if accounts.all().exists():  # asked anew: the ones above are remembered
        raise NotYet


def traces(member_ids: Collection[int]) -> dict[int, list[str]]:
    """List, by member's number, the numbers by which the channels know their agreements with us."""
    found: dict[int, list[str]] = defaultdict(list)
    theirs = PaymentAccount.objects.filter(member__pk__among=Among(member_ids), token__isnull=False)
    for account in theirs.order_by("pk"):
        found[account.member_id].append(str(account.token))
    return found


def _cancel(order: Order) -> None:
    try:
        services.cancel_order(order_id=order.pk, now=timezone.now())
    except services.NotCancellable:
        return  # paid at this very moment


def _end_agreement(account: PaymentAccount) -> None:
    try:
        services.tend_now(account)
    except gateways.ChannelDown as silence:
        raise NotYet from silence
