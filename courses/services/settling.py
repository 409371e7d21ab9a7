"""The one door through which "it was paid" comes in, whoever says so."""

from collections.abc import Iterable
from datetime import datetime

import structlog
from django.db import transaction

from accounts.models import User
from courses import gateways
from courses.gateways import TradeState
from courses.models import Enrollment, Order, Payment, PaymentEvent, Refund
from courses.services import payment_accounts, refunds, sweeping

log = structlog.get_logger(__name__)
Outcome = PaymentEvent.Outcome
AT_ONCE = 50


@transaction.atomic
def settle(*, channel: str, trade: gateways.Trade, now: datetime) -> Outcome:
    """Apply what a channel says about a trade; the same fact twice changes nothing.

    The order is locked before the payment, here and everywhere: two notices at once wait for each other.
    """
    order_id = Payment.objects.filter(channel=channel, out_trade_no=trade.out_trade_no).values_list("order", flat=True)
    order = Order.objects.select_for_update().filter(pk__in=order_id).first()
    if order is None:
        log.error("payment.unknown", channel=channel)
        return Outcome.UNKNOWN
    payment = order.payments.select_for_update().get(out_trade_no=trade.out_trade_no)
    if not _agrees(payment, trade):
        return _suspect(payment, reason="mismatch")
    if trade.state == TradeState.PAID:
        return _paid(order, payment, trade, now)
    return _not_paid(payment, trade)


def _agrees(payment: Payment, trade: gateways.Trade) -> bool:
    """Check that this is our money for this attempt, and no other attempt's."""
    if not trade.is_ours or trade.amount_fen != payment.amount_fen:
        return False
    if payment.channel_trade_no is not None:
        return payment.channel_trade_no == trade.trade_no
    return not Payment.objects.filter(channel=payment.channel, channel_trade_no=trade.trade_no).exists()


def _suspect(payment: Payment, *, reason: str) -> Outcome:
    """Leave it to the staff; money that was taken for certain stays taken."""
    log.error("payment.suspect", payment=payment.pk, reason=reason)
    if payment.state != Payment.State.SUCCEEDED:
        payment.state, payment.error, payment.next_attempt_at = Payment.State.SUSPECT, reason, None
        payment.save(update_fields=["state", "error", "next_attempt_at"])
    return Outcome.MISMATCH


@transaction.atomic
def resolve_suspects(*, payment_ids: Iterable[int], by: User, now: datetime) -> int:
    """Close doubtful attempts that the staff have looked into; what was taken went back at the channel.

    Those that are not doubtful (any more) stay as they are, so a repeated click is harmless; return how many were.
    """
    suspects = Payment.objects.suspect().filter(pk__in=list(payment_ids))
    resolved = suspects.update(state=Payment.State.CLOSED, decided_by=by, decided_at=now)
    log.info("payment.resolved", payments=resolved, by=by.pk)
    return resolved


def _not_paid(payment: Payment, trade: gateways.Trade) -> Outcome:
    if not payment.is_open or trade.state == TradeState.WAITING:
        return Outcome.IGNORED
    if trade.state == TradeState.RETURNED:
        # It was paid and went back without us: somebody at the channel knows more.
        return _suspect(payment, reason="returned")
    payment.state, payment.next_attempt_at = Payment.State.CLOSED, None
    payment.save(update_fields=["state", "next_attempt_at"])
    return Outcome.APPLIED


def _paid(order: Order, payment: Payment, trade: gateways.Trade, now: datetime) -> Outcome:
    if payment.state == Payment.State.SUCCEEDED:
        return Outcome.DUPLICATE
    payment.state, payment.paid_at, payment.channel_trade_no = Payment.State.SUCCEEDED, now, trade.trade_no
    payment.next_attempt_at, payment.error = None, ""
    payment.save(update_fields=["state", "paid_at", "channel_trade_no", "next_attempt_at", "error"])
    if order.is_pending and order.member is not None and not _is_owned(order):
        _deliver(order, order.member, now)
        return Outcome.APPLIED
    reason = Refund.Reason.DOUBLE if order.is_paid or order.is_pending else Refund.Reason.LATE
    refunds.owe(payment, reason=reason, now=now)
    return Outcome.AUTO_REFUND


def _is_owned(order: Order) -> bool:
    return Enrollment.objects.live().filter(member=order.member_id, course=order.course_id).exists()


def _deliver(order: Order, member: User, now: datetime) -> None:
    order.status, order.paid_at, order.completed_at = Order.Status.PAID, now, now
    order.save(update_fields=["status", "paid_at", "completed_at"])
    Enrollment.objects.create(member=member, course=order.course, order=order, started_at=now)
    # Nobody waits for the other attempts any more: the clock closes them at the channel.
    order.payments.filter(state=Payment.State.CREATED).update(state=Payment.State.CLOSED, next_attempt_at=None)
    order.payments.filter(state=Payment.State.PENDING).update(next_attempt_at=now)
    log.info("order.paid", order=order.pk)


def receive_notice(*, channel: str, notice: gateways.Notice, now: datetime) -> Outcome:
    """Store a verified notice, then apply it; what cannot be applied now, the clock applies later."""
    event = _store(channel=channel, notice=notice, now=now)
    if event.outcome != Outcome.RECEIVED:
        return Outcome.DUPLICATE
    try:
        return _apply(event, notice, now=now)
    except Exception as error:
        _strand(event, error)
        return Outcome.RECEIVED


def _store(*, channel: str, notice: gateways.Notice, now: datetime) -> PaymentEvent:
    trade, agreement = notice.trade, notice.agreement
    event, _ = PaymentEvent.objects.get_or_create(
        channel=channel,
        event_id=notice.event_id,
        defaults={
            "kind": PaymentEvent.Kind.AGREEMENT if agreement else PaymentEvent.Kind.TRADE,
            "payment": Payment.objects.filter(channel=channel, out_trade_no=trade.out_trade_no).first()
            if trade
            else None,
            "account": payment_accounts.find(channel=channel, agreement=agreement) if agreement else None,
            "facts": notice.facts(),
            "received_at": now,
            "next_attempt_at": now + PaymentEvent.FIRST_PATIENCE,
        },
    )
    return event


@transaction.atomic
def _apply(event: PaymentEvent, notice: gateways.Notice, *, now: datetime) -> Outcome:
    """Apply one notice, once: identical ones that came at the same moment wait here and find it done."""
    locked = PaymentEvent.objects.select_for_update(of=("self",)).get(pk=event.pk)
    if locked.outcome != Outcome.RECEIVED:
        return Outcome.DUPLICATE
    outcome = Outcome.IGNORED
    if notice.trade:
        outcome = settle(channel=event.channel, trade=notice.trade, now=now)
    elif notice.agreement:
        outcome = payment_accounts.confirm_agreement(channel=event.channel, agreement=notice.agreement, now=now)
    PaymentEvent.objects.filter(pk=event.pk).update(outcome=outcome, next_attempt_at=None)
    return outcome


def apply_stranded_notices(*, now: datetime) -> int:
    """Apply notices that were stored and never applied; one that cannot be applied keeps no other from it."""
    for done in range(AT_ONCE):
        event = _claim_stranded(now)
        if event is None:
            return done
        _apply_stranded(event, now)
    return AT_ONCE


@transaction.atomic
def _claim_stranded(now: datetime) -> PaymentEvent | None:
    event = PaymentEvent.objects.stranded(now).select_for_update(skip_locked=True, of=("self",)).first()
    if event is not None:
        sweeping.put_off(event, now=now)
        event.save(update_fields=["next_attempt_at", "attempts"])
    return event


def _apply_stranded(event: PaymentEvent, now: datetime) -> None:
    """Apply one notice from what was stored of it.

    One about an agreement was stored without its token: its account asks the channel itself, by its own clock.
    """
    try:
        trade = _trade_from(event.facts) if event.kind == PaymentEvent.Kind.TRADE and event.facts else None
        _apply(event, gateways.Notice(event.event_id, trade=trade), now=now)
    except Exception as error:
        _strand(event, error)


def _strand(event: PaymentEvent, error: Exception) -> None:
    """Say that a stored notice is left to the clock, and what kind of error was in the way: a message quotes rows."""
    log.error("notice.stranded", notice=event.pk, attempts=event.attempts, error=type(error).__name__)


def _trade_from(facts: dict[str, str]) -> gateways.Trade:
    return gateways.Trade(**{**facts, "state": TradeState(facts["state"])})  # type: ignore[arg-type]
