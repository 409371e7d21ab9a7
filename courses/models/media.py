"""Pictures and videos of lessons."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from consent.files import content_type
from courses import pictures, videos
from courses.models.catalogue import Lesson


class MediaQuerySet(models.QuerySet["Media"]):
    def published(self) -> "MediaQuerySet":
        return self.filter(lesson__course__published_at__lte=timezone.now())


class Media(models.Model):
    """A picture or a video of one lesson; only views that check who asks ever hand its files out."""

    class Kind(models.TextChoices):
        PICTURE = "picture", "图片"
        VIDEO = "video", "视频"

    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="media", verbose_name="课时")
    kind = models.CharField("种类", max_length=8, choices=Kind.choices)
    name = models.SlugField("名字", help_text="正文里用它：![说明](名字)；小写字母、数字和连字符")
    alt = models.CharField("替代文字", max_length=200, help_text="看不见画面的人听到的一句话")
    caption = models.CharField("图注", max_length=300, blank=True)
    file = models.FileField("文件", upload_to=pictures.random_name)
    poster = models.FileField("视频封面", upload_to=pictures.random_name, validators=[pictures.is_picture], blank=True)
    captions = models.FileField(
        "字幕", upload_to=pictures.random_name, validators=[FileExtensionValidator(["vtt"])], blank=True
    )
    blurred = models.FileField(upload_to=pictures.random_name, editable=False, blank=True)
    is_professional = models.BooleanField("专业内容", default=False, help_text="看过提示才清晰可见")
    width = models.PositiveIntegerField("宽", default=0, editable=False)
    height = models.PositiveIntegerField("高", default=0, editable=False)
    position = models.PositiveSmallIntegerField("次序", default=0)

    objects = MediaQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "图片和视频"
        constraints = [
            models.UniqueConstraint(fields=["lesson", "name"], name="media_names_are_unique_in_a_lesson"),
            models.UniqueConstraint(fields=["lesson"], condition=Q(kind="video"), name="a_lesson_has_one_video"),
        ]

    PersonalData = None

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if pictures.is_new(self.file):
            check = pictures.is_picture if self.kind == self.Kind.PICTURE else videos.is_video
            try:
                check(self.file)
            except ValidationError as refused:
                raise ValidationError({"file": refused}) from refused

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        self._tidy()
        super().save(*args, **kwargs)
        self.lesson.save()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        gone = super().delete(*args, **kwargs)
        self.lesson.save()
        return gone

    @property
    def needs_gate(self) -> bool:
        return self.is_professional or self.lesson.is_professional

    @property
    def content_type(self) -> str:
        return content_type(self.file.name or "")

    def _tidy(self) -> None:
        """Encode new pictures anew, and keep a blurred copy of what may only be seen past the gate."""
        field = "file" if self.kind == self.Kind.PICTURE else "poster"
        upload = getattr(self, field)
        if pictures.is_new(upload):
            picture = pictures.tidy(upload)
            self.blurred = pictures.blur(picture.content).content
            self.width, self.height = picture.width, picture.height
            setattr(self, field, picture.content)
