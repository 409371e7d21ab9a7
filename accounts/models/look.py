"""Which of the staff have looked at a member's data."""

from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.db import models

from accounts.models.user import User
from consent.inventory import DELETE


class LookQuerySet(models.QuerySet["Look"]):
    def of_member(self, member: User) -> "LookQuerySet":
        return self.filter(member=member)

    def same_as(self, look: "Look", *, since: datetime) -> "LookQuerySet":
        """Keep looks of the same person at the same thing, for the same reason."""
        same = {"member": look.member_id, "by": look.by, "what": look.what, "page": look.page, "reason": look.reason}
        return self.filter(**same, at__gt=since)


class Look(models.Model):
    """Somebody of the staff opened a page that shows one member's data; the member reads their role, not their name."""

    # Who loads a page again, or presses a button on it, goes on looking at what they have opened.
    ONE_LOOK = timedelta(minutes=10)

    class Page(models.TextChoices):
        CONTENT = "content", "内容"
        HISTORY = "history", "修改历史"

    member = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name="会员", db_index=False)
    at = models.DateTimeField("时间")
    role = models.CharField("岗位", max_length=100)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="工作人员"
    )
    what = models.CharField("看了什么", max_length=80)
    page = models.CharField("哪一页", max_length=7, choices=Page.choices, default=Page.CONTENT)
    reason = models.CharField("理由", max_length=100, blank=True, default="")

    objects = LookQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "查看记录"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["member", "at"], name="looks_of_member")]
        triggers = [
            pgtrigger.Protect(
                name="looks_never_change",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["by"]),
            )
        ]

    class PersonalData:
        clause = "四3"
        purpose = "让您查到谁看过您的信息"
        owner = "member"
        page = "accounts:looks"
        on_close = DELETE
        actors = {"by"}

    def __str__(self) -> str:
        return f"查看 #{self.pk}"
