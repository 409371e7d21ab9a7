"""The switch that holds every deletion of an account, and who used it."""

from django.conf import settings
from django.db import models
from django.db.models import Q, Value

from consent.inventory import after


class PurgePauseQuerySet(models.QuerySet["PurgePause"]):
    def standing(self) -> "PurgePauseQuerySet":
        """Keep the one that holds the purge now, if there is one."""
        return self.filter(ended_at=None)


class PurgePause(models.Model):
    """One time that the purge was held: while a row has no end, nobody is deleted."""

    begun_at = models.DateTimeField("暂停时间")
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="谁暂停的"
    )
    reason = models.CharField("原因", max_length=200, help_text="写系统出了什么事；不要写任何人的信息")
    ended_at = models.DateTimeField("继续时间", null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="谁恢复的"
    )

    objects = PurgePauseQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "删除的暂停"
        default_permissions = ()
        permissions = [("pause_purge", "可以暂停和继续删除")]
        constraints = [
            models.UniqueConstraint(Value(1), condition=Q(ended_at=None), name="one_pause_stands_at_a_time"),
        ]

    class PersonalData:
        clause = "四3"
        purpose = "查明删除由谁暂停、由谁恢复"
        owner = "begun_by"
        on_close = {"begun_by": None}
        kept = {"begun_at", "reason", "ended_at"}
        actors = {"ended_by"}
        until = after("ended_at", years=3, named_too=True)
        because = "个人信息保护法 第六十九条：由我们证明没有无故拖延删除"

    def __str__(self) -> str:
        return f"删除的暂停 #{self.pk}"
