"""What a member says about themselves, each thing for whom they choose."""

import secrets
from typing import Any, cast

from django.db import models
from django.urls import reverse

from accounts.models.user import User
from consent.inventory import DELETE
from consent.wording import moment, one_of, pairs

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_slug() -> str:
    """Make an address that tells nothing, and that nobody finds by counting."""
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


class Audience(models.TextChoices):
    """Who may see something."""

    ONESELF = "oneself", "仅自己"
    MEMBERS = "members", "会员"
    EVERYBODY = "everybody", "公开"


def name_of_field(name: Any) -> str:
    """Name one of FIELDS in Chinese; what is none any more keeps the name it had."""
    return str(Profile.field_of(name).verbose_name) if name in Profile.FIELDS else str(name)


class Profile(models.Model):
    """One member's own words about themselves; nothing of it is seen by others until they say so."""

    # What can be shown, in the order of the page; the name stands on the member's own row, sealed.
    FIELDS = ("name", "hospital", "department", "title", "city", "introduction")

    member = models.OneToOneField(User, models.CASCADE, related_name="profile", verbose_name="会员")
    slug = models.CharField("页面地址", max_length=40, unique=True, default=new_slug, editable=False)
    hospital = models.CharField("医院", max_length=80, blank=True)
    department = models.CharField("科室", max_length=40, blank=True)
    title = models.CharField("职称", max_length=40, blank=True)
    city = models.CharField("城市", max_length=40, blank=True)
    introduction = models.TextField("介绍", max_length=1000, blank=True)
    audience = models.JSONField("谁能看到", default=dict)
    changed = models.JSONField("何时更改", default=dict)

    class Meta:
        verbose_name = verbose_name_plural = "个人资料"
        default_permissions = ()

    class PersonalData:
        clause = "一1"
        purpose = "展示您自愿填写的资料"
        owner = "member"
        page = "accounts:profile"
        on_close = DELETE
        in_words = {
            "audience": pairs(name_of_field, one_of(dict(Audience.choices))),
            "changed": pairs(name_of_field, moment),
        }

    def __str__(self) -> str:
        return f"资料 #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("accounts:doctor", args=[self.slug])

    @staticmethod
    def field_of(name: str) -> "models.Field[Any, Any]":
        """Return the column behind one of FIELDS."""
        return cast("models.Field[Any, Any]", (User if name == "name" else Profile)._meta.get_field(name))

    def audience_of(self, name: str) -> str:
        """Tell for whom a field is; what was never chosen is for nobody else."""
        return str(self.audience.get(name, Audience.ONESELF))

    def value_of(self, name: str) -> str:
        return str(self.member.name if name == "name" else getattr(self, name))

    def shown_to(self, audiences: set[Any]) -> dict[str, str]:
        """Return what is filled in and meant for one of these audiences."""
        return {
            name: value
            for name in self.FIELDS
            if self.audience_of(name) in audiences and (value := self.value_of(name))
        }
