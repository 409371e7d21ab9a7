"""The inbox: what the channels told us, without what it says of the buyer."""

from datetime import datetime, timedelta

import pgtrigger
from django.db import models
from django.db.models import Q

from consent.inventory import after
from consent.wording import one_of, pairs
from courses.models.orders import BECAUSE, KEPT_YEARS
from courses.models.payment_accounts import Channel, PaymentAccount
from courses.models.payments import Payment

# What `facts` holds: see `courses.gateways.Trade` and `Notice.facts`.
NAMES = {
    "out_trade_no": "商户单号",
    "trade_no": "渠道单号",
    "amount_fen": "金额（分）",
    "state": "状态",
    "is_ours": "付给本站",
    "is_live": "签约有效",
}
STATES = {"waiting": "等待付款", "paid": "已付款", "closed": "已关闭", "returned": "已全部退回"}


class PaymentEventQuerySet(models.QuerySet["PaymentEvent"]):
    def stranded(self, now: datetime) -> "PaymentEventQuerySet":
        """Keep notices that came and were never applied: the process died in between, or something was in the way."""
        return self.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")


class PaymentEvent(models.Model):
    """One verified notice of a channel, stored before it is applied.

    Only the facts that settling needs are kept; who the buyer is, and the token of an agreement, never get here.
    """

    # Whoever took it in applies it at once; only then is it anybody else's.
    FIRST_PATIENCE = timedelta(seconds=30)

    class Kind(models.TextChoices):
        TRADE = "trade", "交易"
        AGREEMENT = "agreement", "签约"

    class Outcome(models.TextChoices):
        RECEIVED = "received", "待处理"
        APPLIED = "applied", "已生效"
        DUPLICATE = "duplicate", "重复"
        MISMATCH = "mismatch", "不符"
        UNKNOWN = "unknown", "未知单号"
        AUTO_REFUND = "auto_refund", "自动退款"
        IGNORED = "ignored", "无需处理"

    channel = models.CharField("渠道", max_length=10, choices=Channel.choices)
    event_id = models.CharField("渠道通知号", max_length=128)
    kind = models.CharField("种类", max_length=10, choices=Kind.choices)
    payment = models.ForeignKey(Payment, models.CASCADE, null=True, related_name="events", verbose_name="付款")
    account = models.ForeignKey(
        PaymentAccount, models.SET_NULL, null=True, related_name="events", verbose_name="支付账号"
    )
    facts = models.JSONField("内容")
    outcome = models.CharField("结果", max_length=12, choices=Outcome.choices, default=Outcome.RECEIVED)
    received_at = models.DateTimeField("收到时间")
    next_attempt_at = models.DateTimeField("下次处理", null=True)
    attempts = models.PositiveSmallIntegerField("已重新处理次数", default=0)

    objects = PaymentEventQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "支付通知"
        default_permissions = ("view",)
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(next_attempt_at__isnull=False), name="notices_by_attempt"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel", "event_id"], name="a_notice_is_stored_once"),
            models.CheckConstraint(
                condition=Q(outcome="received", next_attempt_at__isnull=False)
                | (~Q(outcome="received") & Q(next_attempt_at=None)),
                name="received_notices_and_only_they_wait",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="notices_stay", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="notices_never_change",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["outcome", "account", "next_attempt_at", "attempts"]),
            ),
            pgtrigger.Protect(
                name="an_outcome_is_written_once",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__outcome="received")
                & pgtrigger.Q(old__outcome__df=pgtrigger.F("new__outcome")),
            ),
            # A forgotten account takes its key along; nobody else's is ever put there.
            pgtrigger.Protect(
                name="notices_only_lose_their_account",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__account__df=pgtrigger.F("new__account"), new__account__isnull=False),
            ),
        ]

    class PersonalData:
        clause = "二1(2)C"
        purpose = "支付渠道发来的付款通知"
        owner = "payment__order__member"
        on_close = {"account": None}
        kept = {
            "channel",
            "event_id",
            "kind",
            "payment",
            "facts",
            "outcome",
            "received_at",
            "next_attempt_at",
            "attempts",
        }
        until = after("received_at", years=KEPT_YEARS)
        because = BECAUSE
        in_words = {"facts": pairs(one_of(NAMES), one_of(STATES))}

    def __str__(self) -> str:
        return f"支付通知 #{self.pk}"
