"""Placing orders, and ending them."""

from contextlib import suppress
from datetime import datetime

import structlog
from django.db import IntegrityError, transaction

from accounts.models import User
from courses.models import Course, Enrollment, Order, Payment, Refund
from courses.models.orders import new_number
from courses.services import refunds

log = structlog.get_logger(__name__)
AT_ONCE = 200


class AlreadyOwned(Exception):
    """The member may learn this course already."""


class NotCancellable(Exception):
    """The order is paid, or over."""


class NotRefundable(Exception):
    """The order is not paid, or the days for giving a course back are over."""


@transaction.atomic
def place_order(*, member: User, course: Course, now: datetime) -> Order:
    """Order a course, or return the order that already waits to be paid.

    :raises AlreadyOwned: when there is nothing left to buy
    """
    order = Order.objects.live().for_member(member).filter(course=course).select_for_update().first()
    if Enrollment.objects.live().for_member(member).filter(course=course).exists() or (order and order.is_paid):
        raise AlreadyOwned
    if order and order.can_be_paid(now) and order.total_fen == course.price_fen:
        return order
    if order:
        close(order, now=now)
    return _new_order(member=member, course=course, now=now)


def _new_order(*, member: User, course: Course, now: datetime) -> Order:
    try:
        with transaction.atomic():
            order = Order.objects.create(
                number=new_number(now),
                member=member,
                course=course,
                title=course.title,
                total_fen=course.price_fen,
                placed_at=now,
                expires_at=now + Order.PAYING_TIME,
            )
    except IntegrityError:
        # A second click was quicker: its order is this one.
        return Order.objects.live().for_member(member).get(course=course)
    log.info("order.placed", order=order.pk, course=course.pk)
    return order


def close(order: Order, *, now: datetime) -> None:
    """End a pending order; the caller holds its lock.

    What the buyer may still pay at the channel is closed there by the clock, and refunded if it was paid meanwhile.
    """
    order.status, order.completed_at = Order.Status.CLOSED, now
    order.save(update_fields=["status", "completed_at"])
    order.payments.filter(state=Payment.State.CREATED).update(state=Payment.State.CLOSED, next_attempt_at=None)
    order.payments.filter(state=Payment.State.PENDING).update(next_attempt_at=now)
    log.info("order.closed", order=order.pk)


@transaction.atomic
def cancel_order(*, order_id: int, now: datetime) -> Order:
    """Close an order that its member does not want any more.

    :raises NotCancellable: when it is paid or over
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    if not order.is_pending:
        raise NotCancellable
    close(order, now=now)
    return order


@transaction.atomic
def give_back(*, order_id: int, now: datetime) -> Refund:
    """Take a course back and owe its price; learning ends at once, the clock sends the money.

    :raises NotRefundable: when the rule shown before paying does not allow it (any more)
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    if not order.refundable_fen(now):
        raise NotRefundable
    payment = order.payments.select_for_update(of=("self",)).succeeded().filter(refund=None).first()
    if payment is None:
        raise NotRefundable
    order.status, order.completed_at = Order.Status.REFUNDED, now
    order.save(update_fields=["status", "completed_at"])
    Enrollment.objects.live().filter(order=order).update(ended_at=now)
    return refunds.owe(payment, reason=Refund.Reason.ASKED, now=now)


@transaction.atomic
def give_back_all(*, member: User, now: datetime) -> int:
    """Take back every course that may still be given back; return how many fen are owed for them."""
    refundable = Order.objects.for_member(member).refundable(now).select_for_update(of=("self",)).order_by("pk")
    owed = 0
    for order in refundable:
        with suppress(NotRefundable):  # its term ended this moment
            owed += give_back(order_id=order.pk, now=now).amount_fen
    return owed


@transaction.atomic
def expire_due_orders(*, now: datetime) -> int:
    """Close pending orders whose time is over, once the channel has said that no attempt was paid."""
    over = Order.objects.expired(now).select_for_update(skip_locked=True, of=("self",))
    orders = list(over[:AT_ONCE])
    for order in orders:
        close(order, now=now)
    return len(orders)
