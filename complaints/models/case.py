"""What people ask of us, and what was said about it."""

from datetime import datetime, time, timedelta
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from complaints import codes
from consent.fields import KeyedHashField, SealedCharField, SealedTextField, keyed_hash
from consent.inventory import DELETE, after

# Rules on illegal collection of personal data by apps: 15 working days at most. We count natural days, so as to be
# within it whatever the calendar of holidays says.
PROMISE = timedelta(days=15)
REMIND_BEFORE = timedelta(days=3)
# Civil Code 188: whoever wants to take the matter further has three years.
KEPT_YEARS = 3


def last_moment_to_answer(asked_at: datetime) -> datetime:
    """Return the end, in China, of the last day of the promise that began when something was asked."""
    last_day = timezone.localdate(asked_at) + PROMISE
    return timezone.make_aware(datetime.combine(last_day, time(23, 59, 59)))


def hash_of_contact(contact: str) -> bytes | None:
    """Hash a number or an address that somebody left; none when it is empty."""
    return keyed_hash(contact.lower(), purpose="complaints.contact") if contact else None


class CaseQuerySet(models.QuerySet["Case"]):
    def for_member(self, member: Any) -> "CaseQuerySet":
        return self.filter(member=member)

    def with_claim_code(self, code: str) -> "CaseQuerySet":
        """Keep the case that this code opens; a code may be typed with spaces, hyphens and small letters."""
        return self.filter(claim_hash=codes.hash_of(code))

    def unowned(self) -> "CaseQuerySet":
        """Keep cases that were written without signing in."""
        return self.filter(member=None)

    def newest_first(self) -> "CaseQuerySet":
        return self.order_by("-opened_at", "-pk")

    def unanswered(self) -> "CaseQuerySet":
        return self.filter(status=Case.Status.OPEN)

    def unfinished(self) -> "CaseQuerySet":
        return self.exclude(status=Case.Status.CLOSED)

    def overdue(self, now: datetime) -> "CaseQuerySet":
        return self.unanswered().filter(due_at__lt=now)

    def of_staff(self, person: Any) -> "CaseQuerySet":
        return self.filter(assigned_to=person)

    def unassigned(self) -> "CaseQuerySet":
        return self.filter(assigned_to=None)

    def to_be_reminded(self, now: datetime) -> "CaseQuerySet":
        return self.unanswered().filter(due_at__lt=now + REMIND_BEFORE, due_at__gte=now, reminded_at=None)

    def to_be_alarmed(self, now: datetime) -> "CaseQuerySet":
        return self.overdue(now).filter(alarmed_at=None)


class Case(models.Model):
    """One matter that a person, with or without an account, brought before us."""

    class Kind(models.TextChoices):
        COMPLAINT = "complaint", "投诉"
        APPEAL = "appeal", "申诉"
        CONSULTATION = "consultation", "咨询"
        IP_NOTICE = "ip_notice", "知识产权通知"

    class Status(models.TextChoices):
        OPEN = "open", "待答复"
        ANSWERED = "answered", "已答复"
        CLOSED = "closed", "已办结"

    number = models.CharField("编号", max_length=20, unique=True, editable=False)
    kind = models.CharField("类别", max_length=12, choices=Kind.choices)
    status = models.CharField("状态", max_length=8, choices=Status.choices, default=Status.OPEN)
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="cases", verbose_name="会员"
    )
    claim_hash = KeyedHashField(null=True, unique=True)
    submission_hash = KeyedHashField(unique=True)
    subject = SealedCharField("标题", max_length=60)
    contact_name = SealedCharField("称呼", max_length=40, blank=True, default="")
    contact_phone = SealedCharField("联系电话", max_length=20, blank=True, default="")
    contact_email = SealedCharField("联系邮箱", max_length=254, blank=True, default="")
    contact_phone_hash = KeyedHashField(null=True)
    contact_email_hash = KeyedHashField(null=True)
    opened_at = models.DateTimeField("提出时间")
    due_at = models.DateTimeField("最晚答复时间")
    reminded_at = models.DateTimeField("提醒时间", null=True)
    alarmed_at = models.DateTimeField("超期告警时间", null=True)
    first_answered_at = models.DateTimeField("首次答复时间", null=True)
    closed_at = models.DateTimeField("办结时间", null=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="assigned_cases", verbose_name="经办人"
    )

    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "投诉与咨询"
        default_permissions = ("view",)
        permissions = [
            ("answer_case", "可以受理、答复和办结投诉与咨询"),
            ("hand_over_case", "可以转交投诉与咨询"),
        ]
        indexes = [
            models.Index(fields=["status", "due_at", "id"]),
            models.Index(fields=["member", "-opened_at"]),
            models.Index(fields=["assigned_to", "status"]),
            models.Index(fields=["contact_phone_hash"], condition=Q(member=None), name="unowned_cases_by_phone"),
            models.Index(fields=["contact_email_hash"], condition=Q(member=None), name="unowned_cases_by_email"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="closed", closed_at__isnull=False) | (~Q(status="closed") & Q(closed_at=None)),
                name="closed_cases_and_only_they_have_closed_at",
            ),
            models.CheckConstraint(
                condition=Q(status="open") | Q(first_answered_at__isnull=False),
                name="a_case_is_answered_before_it_rests",
            ),
            models.CheckConstraint(
                condition=Q(member=None, claim_hash__isnull=False) | Q(member__isnull=False, claim_hash=None),
                name="a_member_or_a_claim_code_opens_a_case_never_both",
            ),
            models.CheckConstraint(condition=Q(due_at__gt=F("opened_at")), name="a_promise_lies_ahead"),
        ]

    class PersonalData:
        clause = "二1(3)B"
        purpose = "处理您的投诉、申诉与咨询，并把结果告诉您"
        owner = "member"
        page = "complaints:my_cases"
        on_close = DELETE
        until = after("closed_at", years=KEPT_YEARS, named_too=True)
        because = "民法典 第一百八十八条"
        actors = {"assigned_to"}

    def __str__(self) -> str:
        return f"案件 #{self.pk}"

    @property
    def is_waiting(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def is_closed(self) -> bool:
        return self.status == self.Status.CLOSED

    @property
    def takes_pictures(self) -> bool:
        """Tell whether pictures may be added: only a member has permissions, and a notice is passed on to others."""
        return self.member_id is not None and self.kind != self.Kind.IP_NOTICE

    def days_left(self, now: datetime) -> int:
        """Count the days until the last day of the promise; negative once it is broken."""
        return (timezone.localdate(self.due_at) - timezone.localdate(now)).days

    def days_used(self, now: datetime) -> int:
        return min(max(PROMISE.days - self.days_left(now), 0), PROMISE.days)


class Entry(models.Model):
    """One thing said about a case; written once, never edited."""

    class Voice(models.TextChoices):
        PERSON = "person", "提出人"
        STAFF = "staff", "客服"
        SYSTEM = "system", "系统"

    case = models.ForeignKey(Case, models.CASCADE, related_name="entries", verbose_name="案件")
    voice = models.CharField("谁说的", max_length=6, choices=Voice.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="经办人"
    )
    body = SealedTextField("内容")
    at = models.DateTimeField("时间")

    class Meta:
        verbose_name = verbose_name_plural = "往来内容"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["case", "id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(author=None) | Q(voice="staff"), name="only_staff_entries_name_an_author"
            )
        ]
        triggers = [
            # A member of staff who leaves takes their name along; nothing else about an entry ever changes.
            pgtrigger.Protect(
                name="entries_only_lose_their_author",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "NEW.author_id IS NOT NULL OR (OLD.id, OLD.case_id, OLD.voice, OLD.body, OLD.at)"
                    " IS DISTINCT FROM (NEW.id, NEW.case_id, NEW.voice, NEW.body, NEW.at)"
                ),
            )
        ]

    class PersonalData:
        clause = "二1(3)B"
        purpose = "您与我们就投诉、申诉与咨询往来的内容"
        owner = "case__member"
        on_close = DELETE
        actors = {"author"}

    def __str__(self) -> str:
        return f"往来内容 #{self.pk}"


class CannedAnswer(models.Model):
    """A sentence that staff need often."""

    title = models.CharField("名称", max_length=40, unique=True)
    body = models.TextField("内容", max_length=2000)

    class Meta:
        verbose_name = verbose_name_plural = "常用答复"

    PersonalData = None

    def __str__(self) -> str:
        return self.title
