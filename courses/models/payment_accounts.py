"""Accounts at payment channels that a member lets us charge."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import User
from consent.fields import KeyedHashField, SealedCharField, keyed_hash
from consent.inventory import DELETE


class Channel(models.TextChoices):
    """Who moves the money."""

    ALIPAY = "alipay", "支付宝"


def new_request_no() -> str:
    """Make the name under which we and the channel speak of one agreement."""
    return f"A{secrets.token_hex(15)}"


def fingerprint_of(*, channel: str, token: str) -> bytes:
    """Hash a token, so that it can be found without being read."""
    return keyed_hash(f"{channel}:{token}", purpose="courses.payment_account.token")


class PaymentAccountQuerySet(models.QuerySet["PaymentAccount"]):
    def for_member(self, member: User) -> "PaymentAccountQuerySet":
        return self.filter(member=member)

    def live(self) -> "PaymentAccountQuerySet":
        """Keep those that can be charged."""
        return self.filter(state=PaymentAccount.State.LIVE)

    def shown(self) -> "PaymentAccountQuerySet":
        """Keep those a member knows of: a signing that was begun is not saved yet."""
        return self.exclude(state=PaymentAccount.State.SIGNING).order_by("signed_at", "pk")

    def due(self, now: datetime) -> "PaymentAccountQuerySet":
        """Keep those whose channel has to be asked or told something."""
        return self.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")


class PaymentAccount(models.Model):
    """One account at a channel: being signed, saved, or being forgotten; once forgotten the row is gone.

    All that is stored of it is the channel's token, never a card number, an expiry date or a password.
    """

    # The channel takes a signature for this long; afterwards it takes no new one under the same request.
    SIGNING_TIME = timedelta(minutes=15)

    class State(models.TextChoices):
        SIGNING = "signing", "等待签约"
        LIVE = "live", "已保存"
        FORGETTING = "forgetting", "正在解除"

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="payment_accounts", verbose_name="会员"
    )
    acceptance = models.ForeignKey(
        "consent.Acceptance", models.SET_NULL, null=True, related_name="+", verbose_name="单独同意"
    )
    channel = models.CharField("渠道", max_length=10, choices=Channel.choices)
    request_no = models.CharField("签约请求号", max_length=32, unique=True, default=new_request_no, editable=False)
    token = SealedCharField("支付凭据", max_length=64, null=True, editable=False)
    fingerprint = KeyedHashField(null=True, unique=True)
    label = SealedCharField("名称", max_length=60, blank=True, default="", editable=False)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.SIGNING)
    requested_at = models.DateTimeField("请求时间")
    signed_at = models.DateTimeField("保存时间", null=True)
    next_attempt_at = models.DateTimeField("下次联系渠道", null=True)
    attempts = models.PositiveSmallIntegerField("已联系次数", default=0)

    objects = PaymentAccountQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "支付账号"
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(next_attempt_at__isnull=False), name="accounts_by_attempt"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="live") | Q(token__isnull=False, signed_at__isnull=False),
                name="a_saved_account_has_its_token",
            ),
            models.CheckConstraint(
                condition=Q(token=None, fingerprint=None) | Q(token__isnull=False, fingerprint__isnull=False),
                name="a_token_and_its_fingerprint_come_and_go_together",
            ),
            models.CheckConstraint(
                condition=Q(state="live", next_attempt_at=None) | (~Q(state="live") & Q(next_attempt_at__isnull=False)),
                name="accounts_being_signed_or_forgotten_and_only_they_wait",
            ),
        ]

    class PersonalData:
        clause = "二1(2)C"
        purpose = "用保存的支付账号付款"
        owner = "member"
        page = "courses:payment_accounts"
        on_close = DELETE

    def __str__(self) -> str:
        return f"支付账号 #{self.pk}"

    @property
    def is_live(self) -> bool:
        return self.state == self.State.LIVE

    def set_token(self, token: str) -> None:
        """Take the channel's token, without saving."""
        self.token = token
        self.fingerprint = fingerprint_of(channel=self.channel, token=token)
