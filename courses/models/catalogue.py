"""What is taught: courses, their lessons, and the pictures and videos in them."""

from collections.abc import Iterable
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from consent.markdown import render
from courses import illustrations, pictures, titles
from courses.remembered import forget_lists


def cover_url(course_url: str, file_name: str | None) -> str:
    """Return an address that changes whenever the picture does, so that browsers may keep it for good."""
    return f"{course_url}cover/{cover_version(file_name)}/" if file_name else ""


def cover_version(file_name: str | None) -> str:
    return (file_name or "").rpartition("/")[2][:8]


class CourseQuerySet(models.QuerySet["Course"]):
    def published(self) -> "CourseQuerySet":
        return self.filter(published_at__lte=timezone.now()).order_by("position", "pk")

    def search(self, words: Iterable[str]) -> "CourseQuerySet":
        """Keep courses whose title or subtitle holds every one of these words (`titles.words`)."""
        found = self
        for word in words:
            found = found.filter(title_key__contains=word)
        return found

    def after(self, position: int, pk: int) -> "CourseQuerySet":
        """Go on behind one row: an offset would read and drop every row before it."""
        return self.filter(Q(position__gt=position) | Q(position=position, pk__gt=pk))

    def with_sizes(self) -> "CourseQuerySet":
        """Tell of each course how many lessons it has and how many minutes they take."""
        lessons = Lesson.objects.filter(course=OuterRef("pk")).order_by().values("course")
        count, minutes = lessons.annotate(n=Count("pk")).values("n"), lessons.annotate(n=Sum("minutes")).values("n")
        return self.annotate(
            lesson_count=Coalesce(Subquery(count), 0),
            minutes=Coalesce(Subquery(minutes), 0),
        )


class Course(models.Model):
    """Something to learn, sold as a whole."""

    class Level(models.TextChoices):
        BASIC = "basic", "基础"
        INTERMEDIATE = "intermediate", "进阶"
        ADVANCED = "advanced", "高级"

    slug = models.SlugField("网址名", unique=True)
    title = models.CharField("标题", max_length=80)
    title_key = models.CharField(max_length=260, editable=False)
    subtitle = models.CharField("副标题", max_length=120, blank=True)
    summary = models.CharField("简介", max_length=300, help_text="目录和首页上的一两句话")
    body = models.TextField("你将学到", help_text="Markdown")
    body_html = models.TextField(editable=False)
    audience = models.CharField("适合谁", max_length=200)
    level = models.CharField("难度", max_length=12, choices=Level.choices, default=Level.BASIC)
    price_fen = models.PositiveIntegerField("价格（分）", validators=[MinValueValidator(1)])
    cover = models.FileField(
        "封面",
        upload_to=pictures.random_name,
        validators=[pictures.is_picture],
        help_text="任何人都能看到，不要用专业图片；JPEG、PNG 或 WebP，宽 16 高 9",
        blank=True,
    )
    position = models.PositiveIntegerField("次序", default=100, help_text="小的在前")
    published_at = models.DateTimeField("上架时间", null=True, blank=True, help_text="留空为未上架")
    updated_at = models.DateTimeField("更新时间", auto_now=True)

    objects = CourseQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "课程"
        indexes = [models.Index(fields=["position", "id"])]
        constraints = [models.CheckConstraint(condition=Q(price_fen__gt=0), name="a_course_costs_something")]

    PersonalData = None

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.title_key = titles.key(f"{self.title} {self.subtitle}")
        self.body_html = render(self.body)
        if pictures.is_new(self.cover):
            self.cover = pictures.tidy(self.cover).content
        super().save(*args, **kwargs)
        forget_lists()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        forget_lists()
        return super().delete(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("courses:course", args=[self.slug])

    @property
    def cover_url(self) -> str:
        return cover_url(self.get_absolute_url(), self.cover.name)


class LessonQuerySet(models.QuerySet["Lesson"]):
    def published(self) -> "LessonQuerySet":
        return self.filter(course__published_at__lte=timezone.now())


class Lesson(models.Model):
    """One sitting: a text, with pictures and perhaps a video."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="lessons", verbose_name="课程")
    number = models.PositiveSmallIntegerField("第几课")
    title = models.CharField("标题", max_length=80)
    body = models.TextField("正文", help_text="Markdown；图片写作 ![说明](图片名)")
    body_html = models.TextField(editable=False)
    veiled_html = models.TextField(editable=False)
    holds_professional = models.BooleanField(default=False, editable=False)
    minutes = models.PositiveSmallIntegerField("时长（分钟）")
    is_professional = models.BooleanField("专业内容", default=False, help_text="先看提示才能进入")
    is_free = models.BooleanField("试看", default=False, help_text="不购买也能看")

    objects = LessonQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "课时"
        constraints = [
            models.UniqueConstraint(fields=["course", "number"], name="lesson_numbers_are_unique_in_a_course"),
            models.CheckConstraint(condition=Q(number__gt=0), name="lesson_numbers_start_at_one"),
        ]

    PersonalData = None

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._typeset()
        super().save(*args, **kwargs)
        self._tell_course()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._tell_course()
        return super().delete(*args, **kwargs)

    def _tell_course(self) -> None:
        """Mark the course as changed: what is remembered of its page goes by that."""
        Course.objects.filter(pk=self.course_id).update(updated_at=timezone.now())
        forget_lists()

    def _typeset(self) -> None:
        """Render the text twice: as it is, and as it is shown before the warning, professional pictures blurred."""
        media = list(self.media.order_by("position", "pk")) if self.pk else []
        shown = [one for one in media if one.kind == one.Kind.PICTURE]
        html = render(self.body)
        self.body_html = illustrations.place(html, shown)
        self.veiled_html = illustrations.place(html, shown, veiled=True)
        self.holds_professional = self.is_professional or any(one.is_professional for one in media)

    def get_absolute_url(self) -> str:
        return reverse("courses:lesson", args=[self.course.slug, self.number])
