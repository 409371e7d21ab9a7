"""Paying an order: each attempt, and what goes back."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from consent.inventory import after
from consent.wording import one_of
from courses.models.orders import BECAUSE, KEPT_YEARS, Order
from courses.models.payment_accounts import Channel, PaymentAccount

# What stands in `error`: our own reasons, or the channel's code.
OURS = {
    "account_forgotten": "支付账号已解除",
    "mismatch": "与渠道说的不符",
    "not_sent": "没有发给渠道",
    "returned": "渠道已全部退回",
}
THEIRS = "渠道没有接受（错误码 {}）"


class PaymentQuerySet(models.QuerySet["Payment"]):
    def open(self) -> "PaymentQuerySet":
        """Keep attempts whose end is not known yet."""
        return self.filter(state__in=Payment.OPEN)

    def succeeded(self) -> "PaymentQuerySet":
        return self.filter(state=Payment.State.SUCCEEDED)

    def suspect(self) -> "PaymentQuerySet":
        return self.filter(state=Payment.State.SUSPECT)

    def due(self, now: datetime, *, state: str) -> "PaymentQuerySet":
        return self.filter(state=state, next_attempt_at__lte=now).order_by("next_attempt_at", "pk")


class Payment(models.Model):
    """One attempt to pay an order; only the channel knows how it ends."""

    class Way(models.TextChoices):
        CASHIER = "cashier", "在支付渠道页面付款"
        DEBIT = "debit", "用保存的支付账号付款"

    class State(models.TextChoices):
        CREATED = "created", "等待发起"
        PENDING = "pending", "等待结果"
        SUCCEEDED = "succeeded", "成功"
        CLOSED = "closed", "已关闭"
        FAILED = "failed", "失败"
        SUSPECT = "suspect", "可疑"

    OPEN = (State.CREATED, State.PENDING)

    order = models.ForeignKey(Order, models.CASCADE, related_name="payments", verbose_name="订单")
    account = models.ForeignKey(
        PaymentAccount, models.SET_NULL, null=True, related_name="payments", verbose_name="支付账号"
    )
    out_trade_no = models.CharField("商户单号", max_length=32, unique=True, editable=False)
    channel = models.CharField("渠道", max_length=10, choices=Channel.choices)
    way = models.CharField("方式", max_length=8, choices=Way.choices)
    amount_fen = models.PositiveIntegerField("金额（分）")
    state = models.CharField("状态", max_length=10, choices=State.choices)
    channel_trade_no = models.CharField("渠道单号", max_length=64, null=True)
    error = models.CharField("原因", max_length=80, blank=True, default="", help_text="渠道的错误码")
    created_at = models.DateTimeField("发起时间")
    expires_at = models.DateTimeField("渠道截止时间")
    paid_at = models.DateTimeField("付款时间", null=True)
    next_attempt_at = models.DateTimeField("下次联系渠道", null=True)
    attempts = models.PositiveSmallIntegerField("已联系次数", default=0)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="了结人"
    )
    decided_at = models.DateTimeField("了结时间", null=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "付款"
        default_permissions = ("view",)
        permissions = [("resolve_payment", "可以了结可疑的付款")]
        indexes = [
            models.Index(
                fields=["state", "next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="open_payments_by_attempt",
            ),
            models.Index(fields=["id"], condition=Q(state="suspect"), name="suspect_payments"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel", "channel_trade_no"], name="one_payment_per_trade_of_a_channel"),
            models.CheckConstraint(
                condition=Q(state="succeeded", paid_at__isnull=False, channel_trade_no__isnull=False)
                | (~Q(state="succeeded") & Q(paid_at=None)),
                name="payments_that_succeeded_and_only_they_have_paid_at",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["created", "pending"], next_attempt_at__isnull=False)
                | (~Q(state__in=["created", "pending"]) & Q(next_attempt_at=None)),
                name="open_payments_and_only_they_wait_for_an_answer",
            ),
            models.CheckConstraint(
                condition=Q(way="debit") | (Q(account=None) & ~Q(state="created")),
                name="only_debits_are_sent_later_and_name_an_account",
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="a_payment_is_more_than_nothing"),
            # Who decided may have left since; when they did stays.
            models.CheckConstraint(
                condition=Q(decided_by=None) | Q(decided_at__isnull=False), name="who_decided_a_payment_did_it_once"
            ),
        ]

    class PersonalData:
        clause = "二1(2)C"
        purpose = "课程购买：每一次付款"
        owner = "order__member"
        on_close = {"account": None}
        kept = {
            "order",
            "out_trade_no",
            "channel",
            "way",
            "amount_fen",
            "state",
            "channel_trade_no",
            "error",
            "created_at",
            "expires_at",
            "paid_at",
            "next_attempt_at",
            "attempts",
            "decided_at",
        }
        actors = {"decided_by"}
        until = after("created_at", years=KEPT_YEARS)
        because = BECAUSE
        in_words = {"error": one_of(OURS, THEIRS)}

    def __str__(self) -> str:
        return f"付款 #{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_debit(self) -> bool:
        return self.way == self.Way.DEBIT


class RefundQuerySet(models.QuerySet["Refund"]):
    def due(self, now: datetime) -> "RefundQuerySet":
        return self.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")

    def failed(self) -> "RefundQuerySet":
        return self.filter(state=Refund.State.FAILED)


class Refund(models.Model):
    """One payment going back whole to where it came from; `out_refund_no` keeps it from going back twice."""

    class Reason(models.TextChoices):
        ASKED = "asked", "会员退课"
        LATE = "late", "订单关闭后到账"
        DOUBLE = "double", "重复付款"

    class State(models.TextChoices):
        REQUESTED = "requested", "退款中"
        SUCCEEDED = "succeeded", "已退款"
        FAILED = "failed", "需要人工处理"

    payment = models.OneToOneField(Payment, models.CASCADE, related_name="refund", verbose_name="付款")
    out_refund_no = models.CharField("退款单号", max_length=40, unique=True, editable=False)
    amount_fen = models.PositiveIntegerField("金额（分）")
    reason = models.CharField("原因", max_length=8, choices=Reason.choices)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.REQUESTED)
    error = models.CharField("渠道的错误码", max_length=80, blank=True, default="")
    requested_at = models.DateTimeField("发起时间")
    refunded_at = models.DateTimeField("退款时间", null=True)
    next_attempt_at = models.DateTimeField("下次联系渠道", null=True)
    attempts = models.PositiveSmallIntegerField("已联系次数", default=0)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "退款"
        default_permissions = ("view",)
        permissions = [("retry_refund", "可以重新发起失败的退款")]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(next_attempt_at__isnull=False), name="refunds_by_attempt"
            ),
            models.Index(fields=["id"], condition=Q(state="failed"), name="failed_refunds"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="succeeded", refunded_at__isnull=False)
                | (~Q(state="succeeded") & Q(refunded_at=None)),
                name="refunds_that_succeeded_and_only_they_have_refunded_at",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", next_attempt_at__isnull=False)
                | (~Q(state="requested") & Q(next_attempt_at=None)),
                name="requested_refunds_and_only_they_wait",
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="a_refund_is_more_than_nothing"),
        ]

    class PersonalData:
        clause = "二1(2)C"
        purpose = "课程购买：退款"
        owner = "payment__order__member"
        on_close: dict[str, Any] = {}
        kept = {
            "payment",
            "out_refund_no",
            "amount_fen",
            "reason",
            "state",
            "error",
            "requested_at",
            "refunded_at",
            "next_attempt_at",
            "attempts",
        }
        until = after("requested_at", years=KEPT_YEARS)
        because = BECAUSE
        in_words = {"error": one_of({}, THEIRS)}

    def __str__(self) -> str:
        return f"退款 #{self.pk}"
