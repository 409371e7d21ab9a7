"""Mail and SMS as rows: written in the request, sent by the clock, emptied once sent."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from consent.fields import KeyedHashField, SealedCharField, SealedJSONField, SealedTextField, keyed_hash
from consent.inventory import DELETE
from consent.wording import one_of, pairs

WAITING = Q(sent_at=None, failed_at=None)
SETTLED = Q(sent_at__isnull=False) ^ Q(failed_at__isnull=False)
EMPTY = Q(to=None, subject=None, body=None, params=None)


# What the variables of templates are.
PARAMS = {"code": "验证码", "subject": "主题", "what": "事由", "when": "时间", "token": "链接编号"}


def hash_of_destination(to: str) -> bytes:
    """Hash an address or a number, so that what went to it can be counted without knowing it."""
    return keyed_hash(to.lower(), purpose="accounts.message.to")


class MessageQuerySet(models.QuerySet["Message"]):
    def waiting(self) -> "MessageQuerySet":
        return self.filter(WAITING)

    def due(self, now: datetime) -> "MessageQuerySet":
        """Keep what should be sent now: what is soon too late first, so that a code never waits behind notices."""
        return self.waiting().filter(next_attempt_at__lte=now).order_by("expires_at", "next_attempt_at", "pk")

    def to_staff_just_now(self, now: datetime) -> "MessageQuerySet":
        """Keep what staff have asked for a moment ago, or must hear now.

        A restored backup brings messages back that had reached people long ago; those are older.
        """
        return self.filter(member__is_staff=True, created_at__gt=now - Message.JUST_NOW)

    def to_destination(self, to: str, *, channel: str, since: datetime) -> "MessageQuerySet":
        return self.filter(to_hash=hash_of_destination(to), channel=channel, created_at__gt=since)

    def outdated(self, now: datetime) -> "MessageQuerySet":
        """Keep rows that have nothing left to tell: they counted for the daily cap, no more."""
        return self.filter(created_at__lt=now - Message.KEPT)


class Message(models.Model):
    """One mail or SMS to one destination."""

    KEPT = timedelta(days=7)
    JUST_NOW = timedelta(minutes=30)
    # What a variable of a template may be, at Aliyun: https://help.aliyun.com/document_detail/108253.html
    LONGEST_PARAM = 35

    class Channel(models.TextChoices):
        MAIL = "mail", "邮件"
        SMS = "sms", "短信"

    class Template(models.TextChoices):
        """What an SMS says; providers only send texts they have seen before."""

        CODE = "code", "验证码"
        TAKEN = "taken", "号码已注册"
        UNKNOWN = "unknown", "号码未注册"
        NOTICE = "notice", "通知"
        ALERT = "alert", "账号安全提醒"

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="messages", verbose_name="会员"
    )
    channel = models.CharField("途径", max_length=4, choices=Channel.choices)
    template = models.CharField("模板", max_length=8, choices=Template.choices, default=Template.NOTICE)
    to = SealedCharField("收件人", max_length=320, null=True)
    to_hash = KeyedHashField()
    subject = SealedCharField("主题", max_length=200, null=True)
    body = SealedTextField("正文", null=True)
    params = SealedJSONField("模板参数", null=True)
    created_at = models.DateTimeField("写入时间")
    expires_at = models.DateTimeField("过期时间", null=True, help_text="过了这个时间就不再发送，例如验证码")
    next_attempt_at = models.DateTimeField("下次发送时间")
    attempts = models.PositiveSmallIntegerField("已尝试次数", default=0)
    sent_at = models.DateTimeField("发出时间", null=True)
    failed_at = models.DateTimeField("放弃时间", null=True)
    error = models.CharField("最近的错误", max_length=80, blank=True, default="")

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "邮件与短信"
        indexes = [
            models.Index(fields=["expires_at", "next_attempt_at", "id"], condition=WAITING, name="messages_waiting"),
            models.Index(fields=["to_hash", "created_at"], name="messages_to_destination"),
            models.Index(fields=["created_at"], name="messages_by_age"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(WAITING & Q(to__isnull=False, body__isnull=False)) | (SETTLED & EMPTY),
                name="only_waiting_messages_have_content",
            )
        ]

    class PersonalData:
        clause = "一1"
        purpose = "给您发送验证码和通知"
        owner = "member"
        on_close = DELETE
        in_words = {
            "params": pairs(one_of(PARAMS)),
            "error": one_of(
                {"Expired": "过了时间，没有发送", "Unreadable": "内容读不出来"}, "没有发出去（错误种类 {}）"
            ),
        }

    @classmethod
    def channel_to(cls, contact: str) -> Channel:
        """Tell how a contact is reached."""
        return cls.Channel.MAIL if "@" in contact else cls.Channel.SMS

    def __str__(self) -> str:
        return f"{self.get_channel_display()} #{self.pk}"
