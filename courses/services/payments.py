"""Attempts to pay an order: starting them, and finding out how they end when the channel does not say."""

from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from courses import gateways
from courses.models import Channel, Order, Payment, PaymentAccount
from courses.services import payment_accounts, sweeping
from courses.services.settling import settle

log = structlog.get_logger(__name__)
# After the last second in which the channel takes money; its clock and ours may differ.
GRACE = timedelta(seconds=10)
TAKEN_ALREADY = "ACQ.TRADE_HAS_SUCCESS"
AGREEMENT_GONE = ("ACQ.AGREEMENT_NOT_EXIST", "ACQ.AGREEMENT_INVALID")


class NotPayable(Exception):
    """The order is paid, closed, or its time is over."""


class PaymentUnderWay(Exception):
    """A saved account is being charged for this order; whoever paid elsewhere meanwhile would pay twice."""


class AccountNotLive(Exception):
    """The saved account is gone, or being forgotten."""


@transaction.atomic
def start_payment(*, order_id: int, channel: str, device: gateways.Device, now: datetime) -> str:
    """Return the address of the cashier.

    An attempt that is still open is gone on with: the channel takes money for it only once.

    :raises NotPayable: when there is nothing to pay
    :raises PaymentUnderWay: while a saved account is being charged
    """
    order = _lock_payable(order_id, now)
    payment = order.payments.open().filter(channel=channel, way=Payment.Way.CASHIER).first()
    if payment is None:
        payment = _new_payment(order, channel=channel, way=Payment.Way.CASHIER, state=Payment.State.PENDING, now=now)
    return gateways.get(channel).start(
        out_trade_no=payment.out_trade_no,
        amount_fen=payment.amount_fen,
        subject=order.title,
        expires_at=payment.expires_at,
        device=device,
        return_url=settings.SITE_URL + reverse("courses:returned", args=[order.number]),
    )


@transaction.atomic
def pay_with_account(*, order_id: int, account_id: int, now: datetime) -> Payment:
    """Have the clock charge a saved account of the order's own member.

    :raises NotPayable: when there is nothing to pay
    :raises PaymentUnderWay: when one is being charged already
    :raises AccountNotLive: when this account cannot be charged
    """
    order = _lock_payable(order_id, now)
    account = PaymentAccount.objects.live().filter(pk=account_id, member=order.member).first()
    if account is None:
        raise AccountNotLive
    return _new_payment(
        order,
        channel=account.channel,
        way=Payment.Way.DEBIT,
        state=Payment.State.CREATED,
        account=account,
        now=now,
    )


def _lock_payable(order_id: int, now: datetime) -> Order:
    order = Order.objects.select_for_update().get(pk=order_id)
    if not order.can_be_paid(now):
        raise NotPayable
    if order.payments.open().filter(way=Payment.Way.DEBIT).exists():
        raise PaymentUnderWay
    return order


def _new_payment(
    order: Order, *, channel: str, way: str, state: str, now: datetime, account: PaymentAccount | None = None
) -> Payment:
    payment = Payment.objects.create(
        order=order,
        account=account,
        out_trade_no=f"{order.number}P{order.payments.count() + 1}",
        channel=Channel(channel),
        way=way,
        amount_fen=order.total_fen,
        state=state,
        created_at=now,
        expires_at=order.expires_at,
        next_attempt_at=now if state == Payment.State.CREATED else now + sweeping.pause(0),
    )
    log.info("payment.started", payment=payment.pk, order=order.pk, way=way, channel=channel)
    return payment


@transaction.atomic
def look_soon(*, order_id: int, now: datetime) -> None:
    """Have the clock ask the channel at once: the buyer says they have been there."""
    pending = Payment.objects.filter(order=order_id, state=Payment.State.PENDING)
    pending.filter(next_attempt_at__gt=now).update(next_attempt_at=now)


def submit_due_debits(*, now: datetime) -> int:
    """Charge saved accounts whose members asked for it."""
    return sweeping.work_through(claim=partial(_claim, state=Payment.State.CREATED, now=now), work=_debit)


def query_silent_payments(*, now: datetime) -> int:
    """Ask the channels about attempts of which they said nothing."""
    return sweeping.work_through(claim=partial(_claim, state=Payment.State.PENDING, now=now), work=_ask)


@transaction.atomic
def _claim(channels: list[str], *, state: str, now: datetime) -> Payment | None:
    """Take one due attempt and plan the next look at it; a debit is pending from here on, whatever happens."""
    due = Payment.objects.due(now, state=state).filter(channel__in=channels)
    payment = due.select_for_update(skip_locked=True, of=("self",)).first()
    if payment is None:
        return None
    sweeping.put_off(payment, now=now)
    if now < payment.expires_at:
        payment.next_attempt_at = min(payment.next_attempt_at or now, payment.expires_at + GRACE)
    payment.state = Payment.State.PENDING
    payment.save(update_fields=["state", "next_attempt_at", "attempts"])
    return payment


def _debit(payment: Payment) -> None:
    """Charge an account; what the channel leaves open is asked about later."""
    order, account, now = payment.order, payment.account, timezone.now()
    frozen = order.member is None or order.member.is_closing
    if account is None or not account.is_live or account.token is None or frozen or not order.can_be_paid(now):
        end(payment, state=Payment.State.CLOSED, error="not_sent")
        return
    try:
        trade = gateways.get(payment.channel).debit(
            out_trade_no=payment.out_trade_no,
            amount_fen=payment.amount_fen,
            subject=order.title,
            expires_at=payment.expires_at,
            token=account.token,
        )
    except gateways.Refused as refusal:
        if refusal.code == TAKEN_ALREADY:
            return  # the first one was on its way all the same: the next look settles it
        end(payment, state=Payment.State.FAILED, error=refusal.code)
        if refusal.code in AGREEMENT_GONE:
            payment_accounts.drop(account_id=account.pk, now=now)
        return
    settle(channel=payment.channel, trade=trade, now=now)


def _ask(payment: Payment) -> None:
    """Find out how an attempt stands; close it at the channel if nobody waits for it any more."""
    gateway, now = gateways.get(payment.channel), timezone.now()
    try:
        trade = gateway.query(out_trade_no=payment.out_trade_no)
    except gateways.NotFound:
        _never_begun(payment, now)
        return
    if trade.state != gateways.TradeState.WAITING:
        settle(channel=payment.channel, trade=trade, now=now)
    elif not payment.order.can_be_paid(now):
        _close_at_channel(payment, gateway, now)


def _never_begun(payment: Payment, now: datetime) -> None:
    """Judge an attempt that the channel has not heard of: a link may still be opened until its last second.

    A debit that never arrived is sent again while its member waits for it: under its number money is taken once.
    """
    if payment.is_debit:
        _debit(payment)
    elif now >= payment.expires_at + GRACE:
        end(payment, state=Payment.State.CLOSED, error="")


def _close_at_channel(payment: Payment, gateway: gateways.Gateway, now: datetime) -> None:
    try:
        gateway.close(out_trade_no=payment.out_trade_no)
    except gateways.Refused:
        # It was paid between the two questions: then it is delivered or goes back, but it is never lost.
        settle(channel=payment.channel, trade=gateway.query(out_trade_no=payment.out_trade_no), now=now)
    else:
        end(payment, state=Payment.State.CLOSED, error="")


@transaction.atomic
def end(payment: Payment, *, state: str, error: str) -> None:
    """Write down that an attempt came to nothing, unless its end is known already."""
    Order.objects.select_for_update().get(pk=payment.order_id)
    still_open = Payment.objects.open().filter(pk=payment.pk)
    if still_open.update(state=state, error=error[:80], next_attempt_at=None):
        log.info("payment.ended", payment=payment.pk, state=state, error=error)
