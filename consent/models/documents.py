"""What people are told: versions of texts, from draft to superseded."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse

from consent import timeline
from consent.inventory import after
from consent.markdown import render

# A new version is public for so long before it takes effect (the policy's 前言 4).
NOTICE = timedelta(days=7)


def digest_of_body(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def digest_of_manifest(manifest: Any) -> str:
    return hashlib.sha256(json.dumps(manifest, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


class DocumentQuerySet(models.QuerySet["Document"]):
    def drafts(self) -> "DocumentQuerySet":
        return self.filter(announced_at=None)

    def announced(self) -> "DocumentQuerySet":
        """Keep what has been made public, whether it binds yet, now or no more."""
        return self.filter(announced_at__isnull=False)

    def to_be_confirmed(self, *, by: Any) -> "DocumentQuerySet":
        """Keep drafts of which a colleague says that they only change wording, and that this person may confirm."""
        own = Decision.objects.filter(by=by, act__in=[Decision.Act.DRAFTED, Decision.Act.PROPOSED])
        proposed = Decision.objects.filter(act=Decision.Act.PROPOSED).values("document")
        return self.drafts().filter(pk__in=proposed).exclude(pk__in=own.values("document"))

    def in_force(self, now: datetime) -> "DocumentQuerySet":
        """Keep the version of each kind that binds at this moment."""
        begun = self.announced().filter(effective_at__lte=now)
        return begun.order_by("kind", "-effective_at", "-pk").distinct("kind")

    def newest_first(self) -> "DocumentQuerySet":
        return self.order_by("-effective_at", "-pk")

    def current(self, kind: str, now: datetime) -> "Document":
        """Return the version in force.

        :raises Document.DoesNotExist: when no version of that kind is in force
        """
        return self.in_force(now).get(kind=kind)


class Document(models.Model):
    """One version of a text that people are asked to agree to; once announced it never changes."""

    class Kind(models.TextChoices):
        AGREEMENT = "agreement", "服务协议"
        PRIVACY = "privacy", "隐私政策"
        GATE = "gate", "专业内容提示"
        PAYMENT_ACCOUNT = "payment_account", "保存支付账号单独同意书"
        LOCATION = "location", "使用位置单独同意书"
        CAMERA = "camera", "使用相机单独同意书"
        PICTURES = "pictures", "使用相册图片单独同意书"
        MICROPHONE = "microphone", "使用麦克风单独同意书"
        PERSONALISATION = "personalisation", "个性化推荐单独同意书"
        NAME = "name_publication", "公开姓名单独同意书"

    # Without these two nobody is a member; every other text is agreed to for one use alone.
    BINDING = (Kind.AGREEMENT, Kind.PRIVACY)

    kind = models.CharField("种类", max_length=20, choices=Kind.choices)
    version = models.CharField("版本", max_length=20)
    title = models.CharField("标题", max_length=80)
    summary = models.TextField("变更摘要")
    body = models.TextField("正文", help_text="Markdown；标题后的 {#编号} 是条款的锚点")
    sha256 = models.CharField("正文摘要", max_length=64, editable=False)
    manifest = models.JSONField("承诺清单", default=list, blank=True, help_text="条款、用途、数据、接收方、期限")
    manifest_sha256 = models.CharField("承诺清单摘要", max_length=64, editable=False)
    replaces = models.OneToOneField(
        "self", models.PROTECT, null=True, editable=False, related_name="replaced_by", verbose_name="替代"
    )
    is_material = models.BooleanField("重要变更", default=False, editable=False)
    changes = models.JSONField("增加了什么", default=list, editable=False)
    announced_at = models.DateTimeField("公布时间", null=True, editable=False)
    effective_at = models.DateTimeField("生效时间", null=True, editable=False)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "协议与政策"
        permissions = [("announce_document", "可以公布协议与政策的新版本")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "version"], name="one_text_per_kind_and_version"),
            models.UniqueConstraint(fields=["kind", "effective_at"], name="one_version_takes_effect_at_a_time"),
            models.CheckConstraint(
                condition=Q(announced_at=None, effective_at=None)
                | Q(announced_at__isnull=False, effective_at__isnull=False),
                name="announced_texts_and_only_they_take_effect",
            ),
            models.CheckConstraint(
                condition=Q(replaces=None) | Q(announced_at=None) | Q(effective_at__gte=F("announced_at") + NOTICE),
                name="a_new_version_is_announced_seven_days_ahead",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="documents_never_change",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__announced_at__isnull=False),
            )
        ]

    PersonalData = None

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.sha256 = digest_of_body(self.body)
        self.manifest_sha256 = digest_of_manifest(self.manifest)
        super().save(*args, **kwargs)
        timeline.forget()
        transaction.on_commit(timeline.forget)  # until then another thread may have read what was before

    def get_absolute_url(self) -> str:
        return reverse("consent:document_version", args=[self.kind, self.version])

    @property
    def html(self) -> str:
        return render(self.body)

    @property
    def digest(self) -> str:
        """Name exactly what people agree to: text and manifest."""
        return timeline.digest_of(self.sha256, self.manifest_sha256)

    @property
    def is_draft(self) -> bool:
        return self.announced_at is None

    def binds_at(self, moment: datetime) -> bool:
        """Tell whether the day on which it takes effect has come."""
        return self.effective_at is not None and self.effective_at <= moment

    @property
    def is_binding(self) -> bool:
        return self.kind in self.BINDING


class DecisionQuerySet(models.QuerySet["Decision"]):
    def of(self, document: Document) -> "DecisionQuerySet":
        return self.filter(document=document).order_by("at", "pk")


class Decision(models.Model):
    """What somebody of the staff did with a text: wrote it, asked for a second look, announced it."""

    class Act(models.TextChoices):
        DRAFTED = "drafted", "起草"
        PROPOSED = "proposed", "认为只是文字调整，请同事复核"
        ANNOUNCED = "announced", "公布"
        CONFIRMED = "confirmed", "复核为文字调整并公布"

    document = models.ForeignKey(Document, models.CASCADE, related_name="decisions", verbose_name="文本")
    act = models.CharField("做了什么", max_length=9, choices=Act.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="谁")
    sha256 = models.CharField("当时的摘要", max_length=64)
    at = models.DateTimeField("时间")

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "文本的经办"
        indexes = [models.Index(fields=["document", "at"])]
        default_permissions = ()
        triggers = [
            pgtrigger.Protect(  # who it was may be emptied, when they leave
                name="decisions_never_change",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("document", "act", "sha256", "at"),
            )
        ]

    class PersonalData:
        clause = "四3"
        purpose = "工作人员起草、复核与公布文本的记录"
        owner = "by"
        on_close = {"by": None}
        kept = {"document", "act", "sha256", "at"}
        until = after("at", years=3)
        because = "个人信息保护法 第六十九条：由我们证明告知无误"

    def __str__(self) -> str:
        return f"文本的经办 #{self.pk}"
