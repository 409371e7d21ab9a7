"""Orders and money as the staff see them: to be read, not to be written."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin import UnguessableAdmin
from accounts.models import User
from courses import services
from courses.models import Enrollment, Order, Payment, PaymentAccount, PaymentEvent, Refund

LOOKS = {"suspect": "badge--danger", "failed": "badge--danger", "succeeded": "badge--ok", "paid": "badge--ok"}


def badge(row: Any, field: str) -> SafeString:
    """Show a state in words and in colour."""
    look = LOOKS.get(getattr(row, field), "badge--off")
    return format_html('<span class="badge {}">{}</span>', look, getattr(row, f"get_{field}_display")())


class ReadOnly:
    """The books are written by orders, notices and the clock."""

    def has_add_permission(self, *_: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any) -> bool:
        return False


class PaymentInline(ReadOnly, admin.TabularInline):
    model = Payment
    fields = readonly_fields = ("out_trade_no", "way", "state", "channel_trade_no", "error", "created_at", "paid_at")
    ordering = ("pk",)
    show_change_link = True


class EventInline(ReadOnly, admin.TabularInline):
    model = PaymentEvent
    fields = readonly_fields = ("event_id", "outcome", "facts", "received_at")
    ordering = ("pk",)


class RefundInline(ReadOnly, admin.TabularInline):
    model = Refund
    fields = ("out_refund_no", "reason", "state", "error", "attempts", "requested_at", "refunded_at")
    readonly_fields = fields
    show_change_link = True


class Books(ReadOnly, UnguessableAdmin):
    looked_at_for = "核对订单与付款"
    ordering = ("-pk",)
    show_full_result_count = False

    @admin.display(description="金额")
    def amount(self, row: Any) -> str:
        fen = row.total_fen if isinstance(row, Order) else row.amount_fen
        return f"¥{services.price(fen)}"

    @admin.display(description="状态", ordering="state")
    def state_badge(self, row: Any) -> SafeString:
        return badge(row, "state")


@admin.register(Order)
class OrderAdmin(Books):
    list_display = ("number", "title", "amount", "status_badge", "who", "placed_at", "paid_at")
    list_filter = ("status",)
    search_fields = ("number__exact",)
    search_help_text = "完整的订单号"
    date_hierarchy = "placed_at"
    fields = (
        "number",
        "who",
        "title",
        "amount",
        "status_badge",
        "placed_at",
        "expires_at",
        "paid_at",
        "completed_at",
    )
    readonly_fields = fields
    inlines = (PaymentInline,)

    @admin.display(description="状态", ordering="status")
    def status_badge(self, order: Order) -> SafeString:
        return badge(order, "status")

    @admin.display(description="会员")
    def who(self, order: Order) -> str:
        return f"会员 #{order.member_id}" if order.member_id else f"已注销 {order.retention_ref}"


@admin.register(Payment)
class PaymentAdmin(Books):
    list_display = ("out_trade_no", "amount", "way", "state_badge", "error", "created_at", "paid_at")
    list_filter = ("state", "channel", "way")
    search_fields = ("out_trade_no__exact", "channel_trade_no__exact")
    search_help_text = "完整的商户单号或渠道单号"
    fields = (
        "order",
        "out_trade_no",
        "channel",
        "way",
        "amount",
        "state_badge",
        "channel_trade_no",
        "error",
        "created_at",
        "expires_at",
        "paid_at",
        "next_attempt_at",
        "attempts",
        "decided_at",
        "decider",
    )
    readonly_fields = fields
    inlines = (EventInline, RefundInline)
    actions = ("resolve",)

    @admin.action(description="已核对，了结可疑的付款", permissions=["resolve"])
    def resolve(self, request: HttpRequest, chosen: QuerySet[Payment]) -> None:
        ids, by = chosen.values_list("pk", flat=True), cast("User", request.user)
        done = services.resolve_suspects(payment_ids=ids, by=by, now=timezone.now())
        self.message_user(request, f"了结了 {done} 笔", messages.SUCCESS if done else messages.WARNING)

    @admin.display(description="了结人")
    def decider(self, payment: Payment) -> str:
        return f"#{payment.decided_by_id}" if payment.decided_by_id else "—"

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("courses.resolve_payment")


@admin.register(Refund)
class RefundAdmin(Books):
    list_display = (
        "out_refund_no",
        "amount",
        "reason",
        "state_badge",
        "error",
        "attempts",
        "requested_at",
        "refunded_at",
    )
    list_filter = ("state", "reason")
    search_fields = ("out_refund_no__exact",)
    fields = (
        "payment",
        "out_refund_no",
        "amount",
        "reason",
        "state_badge",
        "error",
        "requested_at",
        "refunded_at",
        "next_attempt_at",
        "attempts",
    )
    readonly_fields = fields
    actions = ("retry",)

    @admin.action(description="重新发起失败的退款", permissions=["retry"])
    def retry(self, request: HttpRequest, chosen: QuerySet[Refund]) -> None:
        ids, by = chosen.values_list("pk", flat=True), cast("User", request.user)
        done = services.retry_refunds(refund_ids=ids, by=by, now=timezone.now())
        self.message_user(request, f"重新发起了 {done} 笔", messages.SUCCESS if done else messages.WARNING)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("courses.retry_refund")


@admin.register(PaymentEvent)
class PaymentEventAdmin(Books):
    list_display = ("event_id", "channel", "kind", "outcome", "received_at")
    list_filter = ("outcome", "kind")
    fields = (
        "channel",
        "event_id",
        "kind",
        "payment",
        "facts",
        "outcome",
        "received_at",
        "next_attempt_at",
        "attempts",
    )
    readonly_fields = fields


@admin.register(Enrollment)
class EnrollmentAdmin(Books):
    list_display = ("pk", "course", "member_number", "started_at", "ended_at")
    list_select_related = ("course",)
    fields = ("course", "member_number", "order", "started_at", "ended_at")
    readonly_fields = fields

    @admin.display(description="会员")
    def member_number(self, enrollment: Enrollment) -> str:
        return f"#{enrollment.member_id}"


@admin.register(PaymentAccount)
class PaymentAccountAdmin(Books):
    """Shows that an account exists and how it stands; its token and its name are for nobody's eyes."""

    list_display = ("pk", "channel", "state_badge", "requested_at", "signed_at", "attempts")
    list_filter = ("state",)
    fields = ("channel", "state_badge", "requested_at", "signed_at", "next_attempt_at", "attempts")
    readonly_fields = fields
