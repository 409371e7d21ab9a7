"""A contact that may not join again for a while: its owner's agreement was ended for cause."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from accounts.models.user import User
from consent.fields import keyed_hash
from consent.inventory import after

YEARS = 3


def digest_of_contact(contact: str) -> str:
    """Hash a number or an address under a key: it is recognised when it comes again, and says nothing by itself."""
    return keyed_hash(contact.lower(), purpose="accounts.exclusion").hex()


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    def of(self, contact: str, *, now: datetime) -> "ExclusionQuerySet":
        since = now - timedelta(days=365 * YEARS)
        return self.filter(digest=digest_of_contact(contact), at__gt=since).order_by("-at")


class Exclusion(models.Model):
    """All that a termination for cause leaves: a digest under a key, for three years."""

    digest = models.CharField("手机号或邮箱的带密钥摘要", max_length=64, db_index=True)
    member = models.ForeignKey(User, models.SET_NULL, null=True, related_name="exclusions", verbose_name="会员")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="经办人"
    )
    at = models.DateTimeField("决定时间")

    objects = ExclusionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "禁止重新注册"
        default_permissions = ()

    class PersonalData:
        clause = "五2"
        purpose = "识别禁止期内重新注册的人"
        owner = "member"
        on_close = {"member": None}
        kept = {"digest", "at"}
        actors = {"decided_by"}
        until = after("at", years=YEARS, named_too=True)
        because = "个人信息保护法 第十三条第一款第二项：履行服务协议中对违规的约定"

    def __str__(self) -> str:
        return f"禁止重新注册 #{self.pk}"

    @property
    def ends_at(self) -> datetime:
        return self.at + timedelta(days=365 * YEARS)
