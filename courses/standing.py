"""How an order stands in the eyes of its member: the order, its attempts and its refund read as one."""

from dataclasses import dataclass
from datetime import datetime

from courses.models import Order, Payment, Refund

DEBITING, CHECKING, DOUBTFUL, PAYABLE = "debiting", "checking", "doubtful", "payable"


@dataclass(frozen=True)
class Standing:
    kind: str
    refund: Refund | None
    failure: str
    mark: str  # changes whenever the page would

    @classmethod
    def of(cls, order: Order, *, now: datetime) -> "Standing":
        payments = list(order.payments.select_related("refund").order_by("pk"))
        refunds = [refund for payment in payments if (refund := getattr(payment, "refund", None))]
        kind = _kind(order, payments, now)
        states = [kind, *(payment.state for payment in payments), *(refund.state for refund in refunds)]
        return cls(kind, refunds[-1] if refunds else None, _failure(payments), "-".join(states))

    @property
    def can_pay(self) -> bool:
        return self.kind == PAYABLE

    @property
    def is_moving(self) -> bool:
        """Tell whether something will change without the member doing anything."""
        is_going_back = self.refund is not None and self.refund.state == Refund.State.REQUESTED
        return is_going_back or self.kind in {DEBITING, CHECKING, PAYABLE}

    @property
    def says_something(self) -> bool:
        return bool(self.kind != PAYABLE or self.failure or self.refund)

    @property
    def step(self) -> int:
        """Return which of the steps order, pay, learn is the present one."""
        return 3 if self.kind == Order.Status.PAID else 2


def _kind(order: Order, payments: list[Payment], now: datetime) -> str:
    is_doubtful = any(payment.state == Payment.State.SUSPECT for payment in payments)
    if is_doubtful and order.status in {Order.Status.PENDING, Order.Status.CLOSED}:
        return DOUBTFUL
    if not order.is_pending:
        return str(order.status)
    if any(payment.is_open and payment.is_debit for payment in payments):
        return DEBITING
    return PAYABLE if order.can_be_paid(now) else CHECKING


def _failure(payments: list[Payment]) -> str:
    """Say why the last debit came to nothing, if nothing was tried since."""
    last = payments[-1] if payments else None
    if last is None or last.state not in {Payment.State.FAILED, Payment.State.CLOSED} or not last.is_debit:
        return ""
    return "用保存的支付账号扣款没有成功，没有扣钱。请换一种方式付款。"
