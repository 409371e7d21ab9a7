"""A member's picture of themselves, for whom they choose."""

import uuid

from django.db import models

from accounts.models.profile import Audience
from accounts.models.user import User
from consent.inventory import DELETE
from consent.models import Permission


def place(avatar: "Avatar", _filename: str) -> str:
    """Keep it in its member's own directory, which goes with the account, under a name that says nothing."""
    return f"{avatar.member.media_prefix}/avatar/{uuid.uuid4().hex}.webp"


class Avatar(models.Model):
    """One square picture, encoded anew; its file goes with its row."""

    class Source(models.TextChoices):
        PICTURES = Permission.Kind.PICTURES.value, "相册"

    member = models.OneToOneField(User, models.CASCADE, related_name="avatar", verbose_name="会员")
    source = models.CharField("来自", max_length=8, choices=Source.choices, default=Source.PICTURES)
    file = models.FileField("文件", upload_to=place)
    side = models.PositiveSmallIntegerField("边长")
    audience = models.CharField("谁能看到", max_length=9, choices=Audience.choices, default=Audience.ONESELF)
    added_at = models.DateTimeField("加入时间")

    class Meta:
        verbose_name = verbose_name_plural = "头像"
        default_permissions = ()

    class PersonalData:
        clause = "二1(3)E"
        purpose = "展示您的头像"
        owner = "member"
        page = "accounts:profile"
        on_close = DELETE
        collected_with = "source"
        collected_at = "added_at"

    def __str__(self) -> str:
        return f"头像 #{self.pk}"
