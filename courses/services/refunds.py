"""Money that goes back: owed in one transaction, sent by the clock."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from courses import gateways
from courses.models import Payment, Refund
from courses.services import sweeping

log = structlog.get_logger(__name__)
PATIENCE = 6  # refusals before staff have to look: the seller's balance may be short for a while
TOLD = {
    Refund.Reason.ASKED: "您退回的课程，款项已经退回原来的付款渠道。",
    Refund.Reason.LATE: "有一笔付款在订单关闭之后才到账，已经全额退回原来的付款渠道。",
    Refund.Reason.DOUBLE: "同一门课程重复付了款，多付的一笔已经全额退回原来的付款渠道。",
}


def owe(payment: Payment, *, reason: str, now: datetime) -> Refund:
    """Write down that a payment goes back whole; the caller holds the order's lock."""
    refund = Refund.objects.create(
        payment=payment,
        out_refund_no=f"{payment.out_trade_no}R",
        amount_fen=payment.amount_fen,
        reason=reason,
        requested_at=now,
        next_attempt_at=now,
    )
    log.info("refund.owed", refund=refund.pk, payment=payment.pk, reason=reason)
    return refund


def submit_due_refunds(*, now: datetime) -> int:
    """Send what is owed; asked twice under the same number, a channel sends it once."""
    return sweeping.work_through(claim=partial(_claim, now=now), work=_submit)


@transaction.atomic
def _claim(channels: list[str], *, now: datetime) -> Refund | None:
    due = Refund.objects.due(now).filter(payment__channel__in=channels).select_related("payment")
    refund = due.select_for_update(skip_locked=True, of=("self",)).first()
    if refund is not None:
        sweeping.put_off(refund, now=now)
        refund.save(update_fields=["next_attempt_at", "attempts"])
    return refund


def _submit(refund: Refund) -> None:
    payment, now = refund.payment, timezone.now()
    gateway = gateways.get(payment.channel)
    try:
        gateway.refund(
            out_trade_no=payment.out_trade_no,
            out_refund_no=refund.out_refund_no,
            amount_fen=refund.amount_fen,
            reason=refund.get_reason_display(),
        )
        if gateway.query_refund(out_trade_no=payment.out_trade_no, out_refund_no=refund.out_refund_no):
            _finish(refund, now=now)
    except gateways.Refused as refusal:
        _write_refusal(refund, refusal)


@transaction.atomic
def _finish(refund: Refund, *, now: datetime) -> None:
    requested = Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED)
    done = {"state": Refund.State.SUCCEEDED, "refunded_at": now, "next_attempt_at": None, "error": ""}
    if not requested.update(**done):
        return
    log.info("refund.succeeded", refund=refund.pk)
    order = refund.payment.order
    if order.member is not None and not order.member.is_closing:
        text = f"{TOLD[Refund.Reason(refund.reason)]}订单 {order.number}。"
        accounts.notify(member=order.member, subject="退款已退回", text=text, now=now)


def _write_refusal(refund: Refund, refusal: gateways.Refused) -> None:
    changes: dict[str, object] = {"error": refusal.code[:80]}
    if refund.attempts >= PATIENCE:
        changes |= {"state": Refund.State.FAILED, "next_attempt_at": None}
    Refund.objects.filter(pk=refund.pk, state=Refund.State.REQUESTED).update(**changes)
    log.error("refund.refused", refund=refund.pk, code=refusal.code, attempts=refund.attempts)


@transaction.atomic
def retry_refunds(*, refund_ids: Iterable[int], by: User, now: datetime) -> int:
    """Try refunds again that the channel refused too often.

    Those that are on their way or done stay as they are, so a repeated click is harmless; return how many were tried.
    """
    failed = Refund.objects.failed().filter(pk__in=list(refund_ids))
    retried = failed.update(state=Refund.State.REQUESTED, next_attempt_at=now, attempts=0)
    log.info("refund.retried", refunds=retried, by=by.pk)
    return retried
