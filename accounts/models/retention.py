"""Proof that what has outlived its term is deleted: one row for each time that the clock did it."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models


class RetentionRunQuerySet(models.QuerySet["RetentionRun"]):
    def ended(self) -> "RetentionRunQuerySet":
        return self.filter(ended_at__isnull=False)

    def successful(self) -> "RetentionRunQuerySet":
        """Keep those that came to their end without a failure; one whose worker died did not."""
        return self.ended().filter(failures=0)

    def newest_first(self) -> "RetentionRunQuerySet":
        return self.order_by("-started_at", "-pk")

    def outdated(self, now: datetime) -> "RetentionRunQuerySet":
        return self.filter(started_at__lt=now - RetentionRun.KEPT)


class RetentionRun(models.Model):
    """One run over everything with a term: what was deleted of each kind, what is left, what failed."""

    KEPT = timedelta(days=90)

    started_at = models.DateTimeField("开始时间", db_index=True)
    ended_at = models.DateTimeField("结束时间", null=True)
    failures = models.PositiveSmallIntegerField("失败的种类数", default=0)
    kinds = models.JSONField("各类结果", default=list, help_text="种类、删除条数、仍逾期条数、最早一条的时间、错误种类")

    objects = RetentionRunQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "到期删除"
        default_permissions = ("view",)

    PersonalData = None

    def __str__(self) -> str:
        return f"到期删除 #{self.pk}"

    @property
    def rows(self) -> int:
        """Count the rows that were deleted."""
        return sum(told["rows"] for told in self.kinds)

    def of(self, label: str) -> dict[str, Any]:
        """Return what was written down of one kind; nothing of one that did not exist then."""
        return next((told for told in self.kinds if told["label"] == label), {})


class RetentionAlarm(models.Model):
    """One time that nothing was deleted as it should be for too long, and that somebody was told: once and no more."""

    # The last run that succeeded before, which goes after 90 days; 0 when none ever did.
    after_run = models.PositiveBigIntegerField("此前最后一次成功的到期删除", unique=True)
    at = models.DateTimeField("报警时间")

    class Meta:
        verbose_name = verbose_name_plural = "到期删除的报警"
        default_permissions = ()

    PersonalData = None

    def __str__(self) -> str:
        return f"到期删除的报警 #{self.pk}"
