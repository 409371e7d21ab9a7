"""A member, or somebody of the staff."""

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.phone import masked, masked_email
from consent.fields import KeyedHashField, SealedCharField, keyed_hash
from consent.inventory import DELETE
from consent.models import Consenting
from consent.models.permissions import OPENED_IN_WORDS


def hash_of_phone(phone: str) -> bytes:
    """Hash an E.164 number for look-up."""
    return keyed_hash(phone, purpose="accounts.user.phone")


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, email: str | None = None, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email and email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email=email, password=password, is_staff=True, is_superuser=True, **fields)

    def with_proven_phone(self, phone: str) -> "User | None":
        """Find whose number this is: who proved it by a code."""
        return self.sealed().filter(phone_hash=hash_of_phone(phone), phone_verified=True).first()

    def sealed(self) -> "models.QuerySet[User]":
        """Leave number and name unread until somebody looks: to open them takes time, which tells a stranger that
        there was somebody to find.
        """
        return self.defer("phone", "name")

    def with_phone(self, phone: str) -> "User | None":
        """Find who may sign in with this number and a password: its owner, or else who typed it last.

        Whoever only typed it is asked for the code next, so that nobody enters by another person's number.
        """
        return self.filter(phone_hash=hash_of_phone(phone)).order_by("-phone_verified", "-pk").first()

    def unproven(self) -> "models.QuerySet[User]":
        """Keep sign-ups that were begun, where no code was ever entered: they own neither number nor address."""
        began = Q(phone__isnull=False) | Q(emailaddress__isnull=False)
        never_in = self.filter(began, phone_verified=False, last_login=None, is_staff=False)
        return never_in.exclude(emailaddress__verified=True).distinct()


class User(Consenting, AbstractBaseUser, PermissionsMixin):
    """A member, or somebody of the staff: known by mobile number, e-mail or both."""

    email = models.EmailField("邮箱", null=True, blank=True, unique=True)
    phone = SealedCharField("手机号", max_length=20, null=True, blank=True)
    phone_hash = KeyedHashField(null=True)
    phone_verified = models.BooleanField("手机号已验证", default=False)
    name = SealedCharField("姓名", max_length=60, blank=True, default="")
    adult_at = models.DateTimeField("声明年满 18 岁的时间", null=True)
    media_prefix = models.UUIDField("上传目录", default=uuid.uuid4, unique=True, editable=False)
    closing_at = models.DateTimeField("申请注销的时间", null=True, editable=False)
    locked_at = models.DateTimeField("锁定账号的时间", null=True, editable=False)
    is_staff = models.BooleanField("工作人员", default=False)
    is_active = models.BooleanField("可登录", default=True)
    date_joined = models.DateTimeField("注册时间", default=timezone.now)

    objects = UserManager()

    signs_in_unguarded = False  # true only while a sign-in runs that found no second step

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name = verbose_name_plural = "会员"
        permissions = [("terminate_user", "可以因违规终止会员的协议")]
        indexes = [models.Index(fields=["phone_hash"])]
        constraints = [
            models.UniqueConstraint(
                fields=["phone_hash"], condition=Q(phone_verified=True), name="a_proven_phone_belongs_to_one_member"
            ),
            models.CheckConstraint(
                condition=Q(phone=None, phone_hash=None, phone_verified=False)
                | Q(phone__isnull=False, phone_hash__isnull=False),
                name="a_phone_and_its_hash_come_and_go_together",
            ),
        ]

    class PersonalData:
        clause = "一1"
        purpose = "成为注册用户：登录、联系您"
        owner = "pk"
        on_close = DELETE
        title = "账号资料"
        withheld = {"password", "media_prefix", "texts_settled"}
        in_words = {"open_permissions": OPENED_IN_WORDS}

    def __str__(self) -> str:
        return f"会员 #{self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # allauth writes "" for "no address"; two members without one must not collide.
        self.email = self.email.lower() if self.email else None
        super().save(*args, **kwargs)

    @property
    def shown_name(self) -> str:
        """Call a member by name, or by what they sign in with, masked."""
        return self.name or masked(self.phone) or masked_email(self.email) or str(self)

    @property
    def is_closing(self) -> bool:
        return self.closing_at is not None

    def set_phone(self, phone: str | None, *, verified: bool) -> None:
        """Take an E.164 number, or none, without saving."""
        self.phone = phone
        self.phone_hash = hash_of_phone(phone) if phone else None
        self.phone_verified = bool(phone) and verified
