"""A member's own information, put together for them to take away."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from accounts.models.user import User
from consent.inventory import DELETE, after

KEPT = timedelta(days=7)
MOST_A_DAY = 3


def place(export: "Export", _filename: str) -> str:
    """Keep the file in its member's own directory, which goes with the account."""
    return f"{export.member.media_prefix}/exports/{export.token.hex}.zip"


class ExportQuerySet(models.QuerySet["Export"]):
    def of_member(self, member: User) -> "ExportQuerySet":
        return self.filter(member=member)

    def under_way(self) -> "ExportQuerySet":
        return self.filter(state__in=Export.UNDER_WAY)

    def due(self, now: datetime) -> "ExportQuerySet":
        """Keep those to be built: new ones, and those whose worker has not been heard of for too long."""
        return self.under_way().filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")

    def current(self, now: datetime) -> "ExportQuerySet":
        """Keep those whose seven days are not over or have not begun, whether the clock has come by or not."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=now - KEPT))

    def ready(self, now: datetime) -> "ExportQuerySet":
        return self.current(now).filter(state=Export.State.READY)


class Export(models.Model):
    """One export: how far it has come, and for seven days from then on its file."""

    class State(models.TextChoices):
        WAITING = "waiting", "排队中"
        BUILDING = "building", "正在准备"
        READY = "ready", "可以下载"
        FAILED = "failed", "没有成功"

    UNDER_WAY = (State.WAITING, State.BUILDING)

    token = models.UUIDField("编号", default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name="会员")
    state = models.CharField("状态", max_length=8, choices=State.choices, default=State.WAITING)
    requested_at = models.DateTimeField("申请时间")
    ended_at = models.DateTimeField("完成时间", null=True)
    next_attempt_at = models.DateTimeField("下次处理时间")
    attempts = models.PositiveSmallIntegerField("次数", default=0)
    done = models.PositiveIntegerField("已处理条数", default=0)
    total = models.PositiveIntegerField("总条数", default=0)
    error = models.CharField("原因", max_length=100, blank=True)
    file = models.FileField("文件", upload_to=place, blank=True)
    size = models.PositiveBigIntegerField("大小", default=0)  # bytes
    sha256 = models.CharField("文件摘要", max_length=64, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "个人信息导出"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=Q(state__in=["waiting", "building"]), name="one_export_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="ready") | (~Q(file="") & Q(size__gt=0)), name="a_ready_export_has_a_file"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["ready", "failed"], ended_at__isnull=False)
                | Q(state__in=["waiting", "building"], ended_at=None),
                name="exports_that_ended_and_only_they_have_ended_at",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=["waiting", "building"]), name="exports_under_way"
            )
        ]

    class PersonalData:
        clause = "五2"
        purpose = "让您带走自己的信息"
        owner = "member"
        page = "accounts:export"
        on_close = DELETE
        until = after("ended_at", days=7, named_too=True)
        withheld = {"file", "token"}

    def __str__(self) -> str:
        return f"导出 #{self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def expires_at(self) -> datetime | None:
        """Tell when the file goes; the days run from when it could be had, not from when it was asked for."""
        return self.ended_at and self.ended_at + KEPT
