"""What a member's device may do here: location, camera, pictures, microphone."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from consent.inventory import DELETE
from consent.wording import one_of, pairs, several

# Network Data Regulation 22(5): who has refused is left alone.
NOT_ASKED_AGAIN = timedelta(days=90)
# Within this time whatever was collected with a permission that was taken back is deleted.
ERASED_WITHIN = timedelta(hours=24)


class PermissionQuerySet(models.QuerySet["Permission"]):
    def for_member(self, member: Any) -> "PermissionQuerySet":
        return self.filter(member=member)

    def on_device(self, device: uuid.UUID | None) -> "PermissionQuerySet":
        return self.filter(device=device)

    def open(self) -> "PermissionQuerySet":
        return self.filter(state=Permission.State.OPEN)


class Permission(models.Model):
    """What a member last decided about one permission on one device."""

    class Kind(models.TextChoices):
        LOCATION = "location", "位置"
        CAMERA = "camera", "相机"
        PICTURES = "pictures", "相册"
        MICROPHONE = "microphone", "麦克风"

    class State(models.TextChoices):
        OPEN = "open", "已允许"
        TAKEN_BACK = "taken_back", "已收回"
        REFUSED = "refused", "已拒绝"

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="permissions", verbose_name="会员"
    )
    device = models.UUIDField("设备", help_text="只在那个浏览器的 Cookie 里的一个随机号")
    browser = models.CharField("浏览器", max_length=300)
    kind = models.CharField("权限", max_length=10, choices=Kind.choices)
    state = models.CharField("状态", max_length=10, choices=State.choices)
    changed_at = models.DateTimeField("决定时间")

    objects = PermissionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "权限"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["member", "device", "kind"], name="one_decision_per_device_and_permission")
        ]

    class PersonalData:
        clause = "二1(3)P"
        purpose = "记住您允许了哪台设备的哪些权限"
        owner = "member"
        page = "consent:permissions"
        on_close = DELETE
        title = "设备权限"

    def __str__(self) -> str:
        return f"权限 #{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    def may_be_asked(self, now: datetime) -> bool:
        """Tell whether a card may offer this permission, unasked, on a page that could use it."""
        return not self.is_open and not (self.state == self.State.REFUSED and now < self.changed_at + NOT_ASKED_AGAIN)


# Says what `Consenting.open_permissions` holds.
OPENED_IN_WORDS = pairs("设备 {}".format, several(one_of(dict(Permission.Kind.choices))))


class RecallQuerySet(models.QuerySet["Recall"]):
    def for_member(self, member: Any) -> "RecallQuerySet":
        return self.filter(member=member)

    def due(self, now: datetime) -> "RecallQuerySet":
        return self.filter(done_at=None, next_attempt_at__lte=now).order_by("next_attempt_at", "pk")

    def late(self, now: datetime) -> "RecallQuerySet":
        return self.filter(done_at=None, due_at__lt=now)


class Recall(models.Model):
    """The duty to delete what was collected with a permission that its member took back."""

    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recalls", verbose_name="会员")
    kind = models.CharField("权限", max_length=10, choices=Permission.Kind.choices)
    asked_at = models.DateTimeField("收回时间")
    due_at = models.DateTimeField("最晚删除时间")
    done_at = models.DateTimeField("删除时间", null=True)
    rows = models.PositiveIntegerField("删除的条数", default=0)
    attempts = models.PositiveSmallIntegerField("失败次数", default=0)
    next_attempt_at = models.DateTimeField("下次处理时间", default=timezone.now)

    objects = RecallQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "收回权限后的删除"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(done_at=None), name="recalls_to_be_done")]
        constraints = [
            models.UniqueConstraint(fields=["member", "kind"], condition=Q(done_at=None), name="one_recall_at_a_time")
        ]

    class PersonalData:
        clause = "二1(3)P"
        purpose = "删除用已收回的权限收集的内容"
        owner = "member"
        on_close = DELETE

    def __str__(self) -> str:
        return f"收回权限后的删除 #{self.pk}"
