"""What is recorded of a member's requests."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from accounts.models.user import User
from consent.inventory import DELETE, after
from consent.wording import language


class VisitQuerySet(models.QuerySet["Visit"]):
    def of_member(self, member: User) -> "VisitQuerySet":
        return self.filter(member=member)

    def between(self, begin: datetime, end: datetime) -> "VisitQuerySet":
        return self.filter(at__gte=begin, at__lt=end)

    def by_day(self) -> QuerySet["Visit", dict[str, Any]]:
        """Count the visits of each local day that has any."""
        return self.order_by().values(day=TruncDate("at")).annotate(number=Count("pk"))


class Visit(models.Model):
    """One page that a member asked for; what they searched for is not in it."""

    member = models.ForeignKey(User, models.CASCADE, verbose_name="会员", related_name="+", db_index=False)
    at = models.DateTimeField("时间")
    path = models.CharField("页面", max_length=200)
    ip = models.GenericIPAddressField("IP 地址", null=True)
    browser = models.CharField("浏览器", max_length=200, blank=True)
    language = models.CharField("语言", max_length=20, blank=True)

    objects = VisitQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "访问记录"
        # By member for their own page, by time for the days that drop off at the old end.
        indexes = [models.Index(fields=["member", "at"]), models.Index(fields=["at"])]

    class PersonalData:
        clause = "一2"
        purpose = "保证安全、查找故障、履行保存网络日志的义务"
        owner = "member"
        page = "accounts:visits"
        on_close = DELETE
        until = after("at", days=180, named_too=True)
        in_words = {"language": language}

    def __str__(self) -> str:
        return f"访问 #{self.pk}"
