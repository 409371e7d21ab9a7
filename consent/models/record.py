"""What people said about texts: a record that is only ever added to, and that names nobody by itself."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pgtrigger
from django.contrib.auth import get_user_model
from django.db import models

from consent.fields import SubjectKey
from consent.inventory import DELETE, UNLINK
from consent.models.documents import Document

GATE_REMEMBERED = timedelta(days=30)
# Emptying the whole table is what the heads outside the database are for (`services.record`).
ANY_CHANGE = pgtrigger.Update | pgtrigger.Delete


class AcceptanceQuerySet(models.QuerySet["Acceptance"]):
    def for_member(self, member: Any) -> "AcceptanceQuerySet":
        return self.filter(subject=member)

    def acknowledged_since(self, moment: datetime, *, sha256: str) -> "AcceptanceQuerySet":
        return self.filter(sha256=sha256, action=Acceptance.Action.ACKNOWLEDGED, at__gte=moment)

    def about(self, kinds: Iterable[str]) -> "AcceptanceQuerySet":
        return self.filter(kind__in=list(kinds))

    def standing(self, kinds: Iterable[str]) -> "AcceptanceQuerySet":
        """Keep the last word on each kind."""
        return self.about(kinds).order_by("kind", "-at", "-pk").distinct("kind")

    def words_on(self, kinds: Iterable[str]) -> "AcceptanceQuerySet":
        """Keep the last yes or withdrawal of each kind: a no to a newer version takes nothing back."""
        yes_or_no = [Acceptance.Action.GIVEN, Acceptance.Action.WITHDRAWN]
        return self.filter(action__in=yes_or_no).standing(kinds)

    def newest_first(self) -> "AcceptanceQuerySet":
        return self.order_by("-at", "-pk")


class Acceptance(models.Model):
    """One thing a person said about one text: given, withdrawn, refused, acknowledged.

    Whose it is only the member's own row knows: when that goes, this line points at nobody. A visitor's number is in
    their browser's cookie and nowhere else.
    """

    class Action(models.TextChoices):
        GIVEN = "given", "同意"
        WITHDRAWN = "withdrawn", "撤回"
        REFUSED = "refused", "拒绝"
        ACKNOWLEDGED = "acknowledged", "已阅读提示"

    subject = SubjectKey(db_index=False, related_name="acceptances", verbose_name="随机编号")
    document = models.ForeignKey(Document, models.PROTECT, related_name="acceptances", verbose_name="文本")
    kind = models.CharField("种类", max_length=20, choices=Document.Kind.choices)
    # Of lines from before manifests counted: the text alone.
    sha256 = models.CharField("文本与承诺清单的摘要", max_length=64)
    action = models.CharField("表示", max_length=12, choices=Action.choices)
    at = models.DateTimeField("时间")

    objects = AcceptanceQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "同意记录"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["subject", "kind", "at"])]
        triggers = [pgtrigger.Protect(name="acceptances_are_only_added", operation=ANY_CHANGE)]

    class PersonalData:
        clause = "前言"
        purpose = "证明您何时看过、同意、拒绝或撤回了哪一版文本"
        owner = "subject"
        page = "consent:consents"
        on_close = UNLINK
        because = "个人信息保护法 第六十九条：由我们证明征得过同意"

    def __str__(self) -> str:
        return f"同意记录 #{self.pk}"


class Link(models.Model):
    """An acceptance's place in the chain: each digest covers the line and the digest before it."""

    sequence = models.PositiveBigIntegerField("序号", primary_key=True)
    acceptance = models.OneToOneField(Acceptance, models.PROTECT, related_name="link", verbose_name="同意记录")
    previous = models.CharField("前一条的摘要", max_length=64)
    digest = models.CharField("摘要", max_length=64, unique=True)

    class Meta:
        verbose_name = verbose_name_plural = "同意记录的链"
        default_permissions = ()
        triggers = [pgtrigger.Protect(name="links_are_only_added", operation=ANY_CHANGE)]

    PersonalData = None

    def __str__(self) -> str:
        return f"链 #{self.sequence}"


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def outdated(self, now: datetime) -> "EvidenceQuerySet":
        """Keep from where visitors went past a warning so long ago that they are asked again."""
        return self.of_visitors().filter(acceptance__at__lt=now - GATE_REMEMBERED).order_by("pk")

    def of_visitors(self) -> "EvidenceQuerySet":
        """Keep what belongs to nobody's account: from where a browser went past a warning."""
        past = self.filter(acceptance__action="acknowledged")
        return past.exclude(acceptance__subject_id__in=get_user_model().objects.values("subject"))


class Evidence(models.Model):
    """From where an acceptance came; beside it, so that it can go alone."""

    acceptance = models.OneToOneField(Acceptance, models.PROTECT, related_name="evidence", verbose_name="同意记录")
    ip = models.GenericIPAddressField("IP 地址", null=True)
    browser = models.CharField("浏览器", max_length=300)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "同意的佐证"
        default_permissions = ()

    class PersonalData:
        clause = "前言"
        purpose = "佐证同意来自您的设备"
        owner = "acceptance__subject"
        on_close = DELETE

    def __str__(self) -> str:
        return f"佐证 #{self.pk}"
