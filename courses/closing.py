"""What becomes of a member's orders and saved accounts when they leave."""

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from accounts.closing import Consequence, NotYet
from accounts.models import User
from courses import gateways, services
from courses.models import Enrollment, Order, PaymentAccount


def consequences(member: User) -> list[Consequence]:
    """Say what is open, what could still be refunded, and what is lost."""
    said = [_refundable(member), _pending(member), _courses(member), _accounts(member)]
    return [consequence for consequence in said if consequence is not None]


def _refundable(member: User) -> Consequence | None:
    orders = Order.objects.for_member(member).refundable(timezone.now())
    amount = orders.aggregate(sum=Sum("total_fen"))["sum"]
    if not amount:
        return None
    return Consequence(
        title=f"可退款 ¥{services.price(amount)}",
        text="这些课程还在可以退课的期限内。注销不会自动退款，想退的请先在订单里退课，款项退回原来的付款渠道。",
        url=reverse("courses:orders"),
        link="查看我的订单",
    )


def _pending(member: User) -> Consequence | None:
    count = Order.objects.for_member(member).pending().count()
    if not count:
        return None
    return Consequence(
        title=f"{count} 个订单还没有付款",
        text="开始删除时会关闭这些订单；关闭之后才到账的款项，全额退回原来的付款渠道。",
        url=reverse("courses:orders"),
        link="查看我的订单",
    )


def _courses(member: User) -> Consequence | None:
    count = Enrollment.objects.live().for_member(member).count()
    if not count:
        return None
    return Consequence(
        title=f"{count} 门已购买的课程",
        text="注销以后不能再学习，重新注册也不会恢复。",
        url=reverse("courses:my_courses"),
        link="查看我的课程",
    )


def _accounts(member: User) -> Consequence | None:
    count = PaymentAccount.objects.for_member(member).shown().count()
    if not count:
        return None
    return Consequence(
        title=f"{count} 个已保存的支付账号",
        text="提交注销后立即停用；开始删除时到支付渠道解约，然后删除凭据。",
        url=reverse("courses:payment_accounts"),
        link="查看支付账号",
    )


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


def _cancel(order: Order) -> None:
    try:
        services.cancel_order(order_id=order.pk, now=timezone.now())
    except services.NotCancellable:
        return  # paid at this very moment


def _end_agreement(account: PaymentAccount) -> None:
    try:
        services.tend_account(account)
    except gateways.ChannelDown as silence:
        raise NotYet from silence
