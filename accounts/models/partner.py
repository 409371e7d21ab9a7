"""What was lawfully got about a member from somebody else."""

from django.db import models

from accounts.models.user import User
from consent.fields import SealedJSONField
from consent.inventory import DELETE
from consent.wording import pairs


class PartnerRecord(models.Model):
    """What one partner has given us about one member, with the ground on which they may; a later one replaces it."""

    member = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name="会员")
    partner = models.CharField("合作方", max_length=80)
    legal_basis = models.CharField("依据", max_length=200)
    said = SealedJSONField("内容")
    received_at = models.DateTimeField("取得时间")

    class Meta:
        verbose_name = verbose_name_plural = "合作方提供的信息"
        default_permissions = ("add", "view")
        constraints = [models.UniqueConstraint(fields=["member", "partner"], name="one_record_of_a_partner_per_member")]

    class PersonalData:
        clause = "一3"
        purpose = "把从合作方取得的信息连同来源告诉您"
        owner = "member"
        page = "accounts:partners"
        on_close = DELETE
        in_words = {"said": pairs()}

    def __str__(self) -> str:
        return f"合作方信息 #{self.pk}"
