"""What a member was told of their account, and how to undo it."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from consent.fields import KeyedHashField, SealedJSONField, keyed_hash
from consent.inventory import DELETE, after
from consent.wording import one_of, pairs


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self, now: datetime) -> "AlertQuerySet":
        return self.filter(spent_at=None, sent_at__gt=now - Alert.VALID)

    def with_token(self, token: str) -> "AlertQuerySet":
        return self.filter(digest=digest_of(token))


class Alert(models.Model):
    """One message about one account to one contact; whoever has its link may lock the account."""

    VALID = timedelta(days=7)

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="alerts", verbose_name="会员", editable=False
    )
    digest = KeyedHashField(unique=True)
    contacts_before = SealedJSONField("当时的登录手机号和邮箱")
    sent_at = models.DateTimeField("提醒时间")
    spent_at = models.DateTimeField("失效时间", null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "账号安全提醒"
        default_permissions = ()
        indexes = [models.Index(fields=["sent_at"])]

    class PersonalData:
        clause = "四8"
        purpose = "让您锁定被别人登录的账号，并恢复原来的手机号和邮箱"
        owner = "member"
        on_close = DELETE
        until = after("sent_at", days=7, named_too=True)
        withheld = {"digest"}
        in_words = {"contacts_before": pairs(one_of({"sms": "手机号", "mail": "邮箱"}))}

    def __str__(self) -> str:
        return f"安全提醒 #{self.pk}"


def new_token() -> str:
    """Make up what a link bears: 72 random bits, short enough for an SMS."""
    return secrets.token_urlsafe(9)


def digest_of(token: str) -> bytes:
    """Hash a link's token: who reads the table can follow no link."""
    return keyed_hash(token, purpose="accounts.alert")
