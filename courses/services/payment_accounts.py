"""Saved payment accounts: asking for one, taking its token, forgetting it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from consent import services as consent
from consent.models import Document
from courses import gateways
from courses.models import Payment, PaymentAccount, PaymentEvent
from courses.services import sweeping

log = structlog.get_logger(__name__)
Outcome = PaymentEvent.Outcome
State = PaymentAccount.State
FIRST_LOOK = timedelta(seconds=20)


@transaction.atomic
def open_agreement(
    *, member: User, channel: str, documents: Iterable[Document], origin: consent.Origin, now: datetime
) -> str:
    """Record the separate consent (PIPL 29), and return the address at which the channel takes the signature.

    :raises consent.services.StaleDocument: when the text agreed to is no longer in force
    """
    [acceptance] = consent.accept(member=member, documents=documents, origin=origin, now=now)
    account = PaymentAccount.objects.create(
        member=member, acceptance=acceptance, channel=channel, requested_at=now, next_attempt_at=now + FIRST_LOOK
    )
    return gateways.get(channel).sign_agreement(
        request_no=account.request_no,
        valid_for=int(PaymentAccount.SIGNING_TIME.total_seconds()),
        return_url=settings.SITE_URL + reverse("courses:signed", args=[account.pk]),
    )


def find(*, channel: str, agreement: gateways.Agreement) -> PaymentAccount | None:
    return PaymentAccount.objects.filter(channel=channel, request_no=agreement.request_no).first()


@transaction.atomic
def confirm_agreement(*, channel: str, agreement: gateways.Agreement, now: datetime) -> Outcome:
    """Apply what a channel says about an agreement: signed, or ended in the wallet."""
    accounts = PaymentAccount.objects.select_for_update(of=("self",))
    account = accounts.filter(channel=channel, request_no=agreement.request_no).first()
    if account is None:
        # Our own unsigning is told to us too, when the row is gone already; a signature without a row is a surprise.
        say = log.error if agreement.is_live else log.info
        say("agreement.unknown", channel=channel)
        return Outcome.UNKNOWN
    if agreement.is_live:
        return _signed(account, agreement, now)
    if account.state == State.SIGNING:
        return Outcome.IGNORED
    _delete(account, now=now)
    return Outcome.APPLIED


def _signed(account: PaymentAccount, agreement: gateways.Agreement, now: datetime) -> Outcome:
    if account.token is not None:
        return Outcome.DUPLICATE
    account.set_token(agreement.token)
    account.label = agreement.label
    if account.state == State.SIGNING:
        account.state, account.signed_at, account.next_attempt_at = State.LIVE, now, None
    account.save()
    log.info("payment_account.signed", account=account.pk, state=account.state)
    return Outcome.APPLIED


@transaction.atomic
def forget_account(*, account_id: int, origin: consent.Origin | None = None, now: datetime) -> None:
    """Stop using an account at once, and have the clock end its agreement; a second time it does nothing."""
    account = PaymentAccount.objects.select_for_update(of=("self",)).filter(pk=account_id).first()
    if account is None or account.state == State.FORGETTING:
        return
    account.state, account.next_attempt_at, account.attempts = State.FORGETTING, now, 0
    account.save(update_fields=["state", "next_attempt_at", "attempts"])
    unsent = account.payments.filter(state=Payment.State.CREATED)
    unsent.update(state=Payment.State.CLOSED, next_attempt_at=None, error="account_forgotten")
    _withdraw_with_the_last(account, origin=origin, now=now)
    log.info("payment_account.forgetting", account=account.pk)


@transaction.atomic
def drop(*, account_id: int, now: datetime) -> None:
    """Delete an account of which the channel says that there is no agreement any more."""
    account = PaymentAccount.objects.select_for_update(of=("self",)).filter(pk=account_id).first()
    if account is not None:
        _delete(account, now=now)


def _delete(account: PaymentAccount, *, now: datetime) -> None:
    was_forgetting, pk = account.state == State.FORGETTING, account.pk
    if not was_forgetting:
        _withdraw_with_the_last(account, origin=None, now=now)
    account.delete()
    log.info("payment_account.forgotten", account=pk)


def _withdraw_with_the_last(account: PaymentAccount, *, origin: consent.Origin | None, now: datetime) -> None:
    others = PaymentAccount.objects.for_member(account.member).exclude(pk=account.pk).exclude(state=State.FORGETTING)
    if not others.exists():
        kind = Document.Kind.PAYMENT_ACCOUNT
        consent.withdraw(member=account.member, kind=kind, origin=origin, now=now)


@transaction.atomic
def look_soon(*, account_id: int, now: datetime) -> None:
    """Have the clock ask the channel at once: the member says they have signed."""
    signing = PaymentAccount.objects.filter(pk=account_id, state=State.SIGNING, next_attempt_at__gt=now)
    signing.update(next_attempt_at=now)


def tend_due_accounts(*, now: datetime) -> int:
    """Finish signings of which nothing was heard, and forgettings that are due."""
    return sweeping.work_through(claim=partial(_claim, now=now), work=tend)


@transaction.atomic
def _claim(channels: list[str], *, now: datetime) -> PaymentAccount | None:
    # Its token is read later: one that cannot be read must not keep the others from being claimed.
    due = PaymentAccount.objects.due(now).filter(channel__in=channels).defer("token", "label")
    account = due.select_for_update(skip_locked=True, of=("self",)).first()
    if account is not None:
        sweeping.put_off(account, now=now)
        account.save(update_fields=["next_attempt_at", "attempts"])
    return account


def tend_now(account: PaymentAccount) -> None:
    """Do for one account, at once, what the clock does.

    :raises gateways.ChannelDown: when the channel does not answer, or did not a moment ago
    """
    sweeping.out_of_turn(account, tend)


def tend(account: PaymentAccount) -> None:
    """Ask the channel about a signing, or end the agreement of an account that is being forgotten.

    :raises gateways.ChannelDown: when the channel does not answer
    """
    now, gateway = timezone.now(), gateways.get(account.channel)
    agreement = None
    if account.token is None:
        agreement = _find_at_channel(gateway, account)
    if account.state == State.SIGNING:
        _conclude_signing(account, agreement, now=now)
        return
    token = account.token or (agreement.token if agreement else None)
    if token is None and now < account.requested_at + 2 * PaymentAccount.SIGNING_TIME:
        return  # it may still be signed: then there is something to end
    if token is not None:
        _unsign(gateway, token)
    drop(account_id=account.pk, now=now)


def _find_at_channel(gateway: gateways.Gateway, account: PaymentAccount) -> gateways.Agreement | None:
    try:
        agreement = gateway.query_agreement(request_no=account.request_no)
    except gateways.Refused:
        return None
    return agreement if agreement.is_live else None


def _conclude_signing(account: PaymentAccount, agreement: gateways.Agreement | None, *, now: datetime) -> None:
    if agreement is not None:
        confirm_agreement(channel=account.channel, agreement=agreement, now=now)
    elif now >= account.requested_at + 2 * PaymentAccount.SIGNING_TIME:
        drop(account_id=account.pk, now=now)


def _unsign(gateway: gateways.Gateway, token: str) -> None:
    try:
        gateway.unsign(token=token)
    except gateways.NotFound:
        log.info("agreement.gone_already")
