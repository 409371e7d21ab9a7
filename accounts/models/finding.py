"""What a closure still found of its member, mostly in other people's words, and what was decided about it."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models.closure import Closure
from consent.inventory import after

KEPT_YEARS = 3


class ResidueFindingQuerySet(models.QuerySet["ResidueFinding"]):
    def undecided(self) -> "ResidueFindingQuerySet":
        return self.filter(decided_at=None)

    def decided_to_stay(self) -> "ResidueFindingQuerySet":
        return self.filter(decision=ResidueFinding.Decision.KEPT)


class ResidueFinding(models.Model):
    """One place that still speaks of somebody who has left: where and how often, never what."""

    class Decision(models.TextChoices):
        KEPT = "kept", "这是别人的话，或者必须保留"
        LOOK_AGAIN = "look_again", "已经处理，重新核查"
        GONE = "gone", "已经没有"

    closure = models.ForeignKey(Closure, models.CASCADE, related_name="findings", verbose_name="注销")
    place = models.CharField("位置", max_length=200, help_text="表和列，或者文件、缓存")
    count = models.PositiveIntegerField("处数")
    found_at = models.DateTimeField("发现时间")
    decision = models.CharField("决定", max_length=10, choices=Decision.choices, blank=True, default="")
    reason = models.CharField("理由", max_length=400, blank=True, default="")
    decided_at = models.DateTimeField("决定时间", null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="决定人"
    )

    objects = ResidueFindingQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "核查发现"
        default_permissions = ("view",)
        permissions = [("decide_residuefinding", "可以决定核查发现的内容是否保留")]
        indexes = [models.Index(fields=["found_at", "id"], condition=Q(decided_at=None), name="findings_undecided")]
        constraints = [
            models.UniqueConstraint(
                fields=["closure", "place"], condition=Q(decided_at=None), name="one_open_question_per_place"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None) | (~Q(decision="") & Q(decided_at__isnull=False)),
                name="a_decision_and_its_moment_come_together",
            ),
            models.CheckConstraint(
                condition=~Q(decision="kept") | ~Q(reason=""), name="what_is_kept_is_kept_for_a_reason"
            ),
        ]

    class PersonalData:
        clause = "五2"
        purpose = "决定还提到您的内容是否依法保留"
        owner = "closure__member"
        on_close: dict[str, Any] = {}
        kept = {"closure", "place", "count", "found_at", "decision", "reason", "decided_at"}
        actors = {"decided_by"}
        until = after("found_at", years=KEPT_YEARS)
        because = "个人信息保护法 第六十九条：由我们证明已经核查"
        title = "注销核查发现的位置和决定"

    def __str__(self) -> str:
        return f"核查发现 #{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.decided_at is None

    def settle(self, decision: str, *, now: datetime, reason: str = "", by: Any = None) -> None:
        """Take a decision, and save it."""
        self.decision, self.reason, self.decided_at, self.decided_by = decision, reason, now, by
        self.save(update_fields=["decision", "reason", "decided_at", "decided_by"])
