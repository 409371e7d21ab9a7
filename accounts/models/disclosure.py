"""What was told to others about a member, on which of the policy's six grounds."""

from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models.user import User
from consent.inventory import after

KEPT_YEARS = 3


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    def of_member(self, member: User) -> "DisclosureQuerySet":
        return self.filter(member=member)

    def proposed(self) -> "DisclosureQuerySet":
        return self.filter(state=Disclosure.State.PROPOSED)

    def approved(self) -> "DisclosureQuerySet":
        return self.filter(Disclosure.PersonalData.shown)


class Disclosure(models.Model):
    """One disclosure: proposed by one person, approved by another, and only then carried out."""

    class Ground(models.TextChoices):
        CONSENT = "consent", "您事先同意"
        SERVICE = "service", "提供您要求的服务所必需"
        LAW = "law", "法律规定或机关要求"
        VIOLATION = "violation", "违反法律或约定"
        IP_NOTICE = "ip_notice", "知识产权投诉"
        COUNTERPART = "counterpart", "交易的另一方"

    class State(models.TextChoices):
        PROPOSED = "proposed", "等待批准"
        APPROVED = "approved", "已批准"

    member = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name="会员")
    state = models.CharField("状态", max_length=8, choices=State.choices, default=State.PROPOSED)
    at = models.DateTimeField("时间", help_text="提出的时间；批准以后，是批准的时间")
    ground = models.CharField("情形", max_length=11, choices=Ground.choices)
    recipient = models.CharField("接收方", max_length=120)
    purpose = models.CharField("目的", max_length=200)
    legal_basis = models.CharField("依据", max_length=200, help_text="条文；机关要求的，写明文书编号")
    kinds = models.CharField("披露的信息", max_length=400, help_text="只写种类，例如“手机号、订单号”，不写内容")
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="提出人"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="批准人"
    )

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "信息披露记录"
        default_permissions = ("add", "view", "delete")
        permissions = [("approve_disclosure", "可以批准披露")]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by=None) | Q(state="approved"), name="only_what_was_approved_has_an_approver"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | Q(proposed_by=None) | ~Q(approved_by=F("proposed_by")),
                name="nobody_approves_their_own_disclosure",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="approved_disclosures_never_change",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.state = 'approved' AND (OLD.state, OLD.at, OLD.ground, OLD.recipient, OLD.purpose,"
                    " OLD.legal_basis, OLD.kinds) IS DISTINCT FROM (NEW.state, NEW.at, NEW.ground, NEW.recipient,"
                    " NEW.purpose, NEW.legal_basis, NEW.kinds)"
                ),
            )
        ]

    class PersonalData:
        clause = "三"
        purpose = "让您查看信息披露给了谁"
        owner = "member"
        page = "accounts:disclosures"
        shown = Q(state="approved")
        on_close = {"member": None}
        kept = {"state", "at", "ground", "recipient", "purpose", "legal_basis", "kinds"}
        actors = {"proposed_by", "approved_by"}
        until = after("at", years=KEPT_YEARS, named_too=True)
        because = "网络数据安全管理条例 第十二条"

    def __str__(self) -> str:
        return f"信息披露 #{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.PROPOSED

    def approve(self, *, by: User, now: datetime) -> None:
        """Write an approval down, and save it."""
        self.state, self.approved_by, self.at = self.State.APPROVED, by, now
        self.save(update_fields=["state", "approved_by", "at"])
