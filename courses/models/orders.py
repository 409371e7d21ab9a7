"""Buying a course: the order, and the right to learn that it gives."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consent.inventory import DELETE, after, new_reference
from courses.models.catalogue import Course

# E-Commerce Law 31: transaction records stay for at least three years from completion.
KEPT_YEARS = 3
BECAUSE = "电子商务法 第三十一条"


def new_number(now: datetime) -> str:
    """Make an order number: the day and twelve digits nobody guesses."""
    return f"{timezone.localdate(now):%Y%m%d}{secrets.randbelow(10**12):012}"


class OrderQuerySet(models.QuerySet["Order"]):
    def for_member(self, member: User) -> "OrderQuerySet":
        return self.filter(member=member)

    def live(self) -> "OrderQuerySet":
        """Keep those that stand in the way of another order for the same course."""
        return self.filter(status__in=Order.LIVE)

    def pending(self) -> "OrderQuerySet":
        return self.filter(status=Order.Status.PENDING)

    def expired(self, now: datetime) -> "OrderQuerySet":
        """Keep pending orders whose time is over and whose every attempt has come to an end."""
        over = self.pending().filter(expires_at__lte=now).exclude(payments__state__in=["created", "pending"])
        return over.order_by("expires_at", "pk")

    def refundable(self, now: datetime) -> "OrderQuerySet":
        return self.filter(status=Order.Status.PAID, paid_at__gt=now - Order.REFUND_TIME)

    def newest_first(self) -> "OrderQuerySet":
        return self.order_by("-placed_at", "-pk")


class Order(models.Model):
    """One member buying one course."""

    PAYING_TIME = timedelta(minutes=30)
    REFUND_TIME = timedelta(days=7)

    class Status(models.TextChoices):
        PENDING = "pending", "待付款"
        PAID = "paid", "已付款"
        CLOSED = "closed", "已关闭"
        REFUNDED = "refunded", "已退课"

    LIVE = (Status.PENDING, Status.PAID)

    number = models.CharField("订单号", max_length=20, unique=True, editable=False)
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="orders", verbose_name="会员"
    )
    retention_ref = models.UUIDField("留存编号", null=True, unique=True, editable=False)
    course = models.ForeignKey(Course, models.PROTECT, related_name="orders", verbose_name="课程")
    title = models.CharField("课程名称", max_length=80, help_text="下单时的名称")
    total_fen = models.PositiveIntegerField("金额（分）")
    status = models.CharField("状态", max_length=10, choices=Status.choices, default=Status.PENDING)
    placed_at = models.DateTimeField("下单时间")
    expires_at = models.DateTimeField("付款截止时间")
    paid_at = models.DateTimeField("付款时间", null=True)
    completed_at = models.DateTimeField("交易完成时间", null=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "订单"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["member", "-placed_at"]),
            models.Index(fields=["expires_at", "id"], condition=Q(status="pending"), name="pending_orders_by_expiry"),
            models.Index(fields=["completed_at", "id"], condition=Q(member=None), name="nameless_orders_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "course"],
                condition=Q(status__in=["pending", "paid"]),
                name="one_live_order_per_course",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["paid", "refunded"], paid_at__isnull=False)
                | Q(status__in=["pending", "closed"], paid_at=None),
                name="paid_orders_and_only_they_have_paid_at",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", completed_at=None)
                | (~Q(status="pending") & Q(completed_at__isnull=False)),
                name="ended_orders_and_only_they_have_completed_at",
            ),
            models.CheckConstraint(
                condition=Q(member=None) ^ Q(retention_ref=None),
                name="an_order_has_a_member_or_a_reference_never_both",
            ),
            models.CheckConstraint(condition=Q(total_fen__gt=0), name="an_order_costs_something"),
        ]

    class PersonalData:
        clause = "二1(2)C"
        purpose = "课程购买"
        owner = "member"
        page = "courses:orders"
        on_close = {"member": None, "retention_ref": new_reference}
        kept = {
            "number",
            "course",
            "title",
            "total_fen",
            "status",
            "placed_at",
            "expires_at",
            "paid_at",
            "completed_at",
        }
        until = after("completed_at", years=KEPT_YEARS)
        because = BECAUSE

    def __str__(self) -> str:
        return f"订单 #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("courses:order", args=[self.number])

    @property
    def is_pending(self) -> bool:
        return self.status == self.Status.PENDING

    @property
    def is_paid(self) -> bool:
        return self.status == self.Status.PAID

    def can_be_paid(self, now: datetime) -> bool:
        return self.is_pending and now < self.expires_at

    def refundable_fen(self, now: datetime) -> int:
        """Return what the member gets back if they ask for it now."""
        if not self.is_paid or self.paid_at is None or now >= self.paid_at + self.REFUND_TIME:
            return 0
        return self.total_fen

    @property
    def refundable_until(self) -> datetime | None:
        return self.paid_at + self.REFUND_TIME if self.paid_at else None


class EnrollmentQuerySet(models.QuerySet["Enrollment"]):
    def live(self) -> "EnrollmentQuerySet":
        return self.filter(ended_at=None)

    def for_member(self, member: User) -> "EnrollmentQuerySet":
        return self.filter(member=member)

    def of(self, reader: Any) -> "EnrollmentQuerySet":
        """Keep those of whoever is reading; a visitor has none."""
        return self.for_member(reader) if reader.is_authenticated else self.none()


class Enrollment(models.Model):
    """A member may learn a course, from the moment it is paid until it is given back."""

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="enrollments", verbose_name="会员"
    )
    course = models.ForeignKey(Course, models.PROTECT, related_name="enrollments", verbose_name="课程")
    order = models.OneToOneField(Order, models.CASCADE, related_name="enrollment", verbose_name="订单")
    started_at = models.DateTimeField("开通时间")
    ended_at = models.DateTimeField("结束时间", null=True)

    objects = EnrollmentQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "学习资格"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["member", "course"], condition=Q(ended_at=None), name="a_course_is_owned_once"
            )
        ]

    class PersonalData:
        clause = "二1(2)C"
        purpose = "让您学习买下的课程"
        owner = "member"
        page = "courses:my_courses"
        on_close = DELETE

    def __str__(self) -> str:
        return f"学习资格 #{self.pk}"
