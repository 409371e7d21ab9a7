"""Pictures that a member attaches to what they say."""

import uuid
from typing import Any

from django.db import models

from complaints.models.case import Entry
from consent.inventory import DELETE
from consent.models import Permission

AT_ONCE = 6
MOST = 30  # in one case


def place(picture: "Picture", _filename: str) -> str:
    """Keep a picture in its member's own directory, which goes with the account, under a name that says nothing."""
    member = picture.entry.case.member
    if member is None:
        raise ValueError("Only members attach pictures.")
    return f"{member.media_prefix}/complaints/{uuid.uuid4().hex}.webp"


class PictureQuerySet(models.QuerySet["Picture"]):
    def of_case(self, case: Any) -> "PictureQuerySet":
        return self.filter(entry__case=case)


class Picture(models.Model):
    """One picture beside one entry, encoded anew; its file goes with its row."""

    class Source(models.TextChoices):
        CAMERA = Permission.Kind.CAMERA.value, "相机"
        PICTURES = Permission.Kind.PICTURES.value, "相册"

    entry = models.ForeignKey(Entry, models.CASCADE, related_name="pictures", verbose_name="往来内容")
    source = models.CharField("来自", max_length=8, choices=Source.choices)
    file = models.FileField("文件", upload_to=place)
    width = models.PositiveIntegerField("宽")
    height = models.PositiveIntegerField("高")
    added_at = models.DateTimeField("加入时间")

    objects = PictureQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "附上的照片和图片"
        default_permissions = ()

    class PersonalData:
        clause = "二1(3)E"
        purpose = "为投诉、申诉和咨询添加照片和图片"
        owner = "entry__case__member"
        on_close = DELETE
        collected_with = "source"
        collected_at = "added_at"

    def __str__(self) -> str:
        return f"图片 #{self.pk}"
