"""What people were told, and what they agreed to."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from consent.inventory import DELETE
from consent.markdown import render

GATE_REMEMBERED = timedelta(days=30)


class DocumentQuerySet(models.QuerySet["Document"]):
    def in_force(self, now: datetime) -> "DocumentQuerySet":
        """Keep the version of each kind that binds at this moment."""
        return self.filter(effective_at__lte=now).order_by("kind", "-effective_at", "-pk").distinct("kind")

    def current(self, kind: str, now: datetime) -> "Document":
        """Return the version in force.

        :raises Document.DoesNotExist: when no version of that kind is in force
        """
        return self.in_force(now).get(kind=kind)


class Document(models.Model):
    """One version of a text that members are asked to agree to; it never changes once written."""

    class Kind(models.TextChoices):
        AGREEMENT = "agreement", "服务协议"
        PRIVACY = "privacy", "隐私政策"
        GATE = "gate", "专业内容提示"
        PAYMENT_ACCOUNT = "payment_account", "保存支付账号单独同意书"

    kind = models.CharField("种类", max_length=20, choices=Kind.choices)
    version = models.CharField("版本", max_length=20)
    title = models.CharField("标题", max_length=80)
    summary = models.TextField("变更摘要")
    body = models.TextField("正文", help_text="Markdown；标题后的 {#编号} 是条款的锚点")
    sha256 = models.CharField("正文摘要", max_length=64, editable=False)
    announced_at = models.DateTimeField("公布时间")
    effective_at = models.DateTimeField("生效时间")

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "协议与政策"
        constraints = [
            models.UniqueConstraint(fields=["kind", "version"], name="one_text_per_kind_and_version"),
            models.UniqueConstraint(fields=["kind", "effective_at"], name="one_version_takes_effect_at_a_time"),
        ]
        triggers = [pgtrigger.Protect(name="documents_never_change", operation=pgtrigger.Update | pgtrigger.Delete)]

    PersonalData = None

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.sha256 = hashlib.sha256(self.body.encode()).hexdigest()
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("consent:document_version", args=[self.kind, self.version])

    @property
    def html(self) -> str:
        return render(self.body)


class AcceptanceQuerySet(models.QuerySet["Acceptance"]):
    def for_member(self, member: Any) -> "AcceptanceQuerySet":
        return self.filter(member=member)

    def acknowledged_since(self, moment: datetime, *, document: Document) -> "AcceptanceQuerySet":
        return self.filter(document=document, action=Acceptance.Action.ACKNOWLEDGED, at__gte=moment)

    def outdated_acknowledgements(self, now: datetime) -> "AcceptanceQuerySet":
        """Keep what visitors have gone past so long ago that they are asked again; nobody else is ever shown it."""
        forgotten = self.filter(member=None, action=Acceptance.Action.ACKNOWLEDGED, at__lt=now - GATE_REMEMBERED)
        return forgotten.order_by("at", "pk")

    def standing(self, kinds: Iterable[str]) -> "AcceptanceQuerySet":
        """Keep the last word on each kind."""
        latest = self.filter(document__kind__in=kinds).order_by("document__kind", "-at", "-pk")
        return latest.distinct("document__kind")


class Acceptance(models.Model):
    """One thing a person said about one text: given, withdrawn, refused, acknowledged."""

    class Action(models.TextChoices):
        GIVEN = "given", "同意"
        WITHDRAWN = "withdrawn", "撤回"
        REFUSED = "refused", "拒绝"
        ACKNOWLEDGED = "acknowledged", "已阅读提示"

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="acceptances", verbose_name="会员"
    )
    visitor = models.UUIDField("访客", null=True, help_text="没有登录的人：只在其浏览器里的一个随机号")
    document = models.ForeignKey(Document, models.PROTECT, related_name="acceptances", verbose_name="文本")
    action = models.CharField("表示", max_length=12, choices=Action.choices)
    at = models.DateTimeField("时间")

    objects = AcceptanceQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "同意记录"
        indexes = [models.Index(fields=["member", "document", "at"]), models.Index(fields=["visitor", "document"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(member=None) ^ Q(visitor=None), name="a_member_or_a_visitor_accepts_never_both"
            )
        ]
        triggers = [pgtrigger.Protect(name="acceptances_are_never_edited", operation=pgtrigger.Update)]

    class PersonalData:
        clause = "前言"
        purpose = "证明您何时看过、同意或撤回了哪一版文本"
        owner = "member"
        on_close = DELETE

    def __str__(self) -> str:
        return f"同意记录 #{self.pk}"


class Evidence(models.Model):
    """From where an acceptance came; beside it, so that it can go alone."""

    acceptance = models.OneToOneField(Acceptance, models.CASCADE, related_name="evidence", verbose_name="同意记录")
    ip = models.GenericIPAddressField("IP 地址", null=True)
    browser = models.CharField("浏览器", max_length=300)

    class Meta:
        verbose_name = verbose_name_plural = "同意的佐证"

    class PersonalData:
        clause = "前言"
        purpose = "佐证同意来自您的设备"
        owner = "acceptance__member"
        on_close = DELETE

    def __str__(self) -> str:
        return f"佐证 #{self.pk}"
