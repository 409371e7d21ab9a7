"""How the clock works through rows whose channel has to be asked or told something.

A claim pushes the row's next attempt into the future and commits, so nobody else takes it while the channel is spoken
to without a transaction; a worker that dies leaves a row that is due again by itself. After a channel did not answer,
nothing is asked of it for a while: sweeps that time out one after the other would keep every worker waiting.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from django.core.cache import cache

from courses import gateways
from courses.models import Payment, PaymentAccount, PaymentEvent, Refund

AT_ONCE = 50
REST = 10
PAUSES = [timedelta(seconds=seconds) for seconds in (15, 30, 60, 300, 900, 1800, 3600)]

log = structlog.get_logger(__name__)
Row = TypeVar("Row", Payment, PaymentAccount, Refund)


def work_through(*, claim: Callable[[list[str]], Row | None], work: Callable[[Row], None]) -> int:
    """Claim rows one by one and work on each, until none is due; return how many were worked on.

    :param claim: takes the channels that answer, returns a row of one of them
    """
    for done in range(AT_ONCE):
        row = claim(awake_channels())
        if row is None:
            return done
        try:
            work(row)
        except gateways.ChannelDown as silence:
            _let_rest(row, silence)
    return AT_ONCE


def out_of_turn(row: Row, work: Callable[[Row], None]) -> None:
    """Work on a row that somebody else has claimed, by the same rule: what did not answer just now is not asked.

    :raises gateways.ChannelDown: when the channel does not answer, or rests
    """
    if _channel_of(row) not in awake_channels():
        raise gateways.ChannelDown("resting")
    try:
        work(row)
    except gateways.ChannelDown as silence:
        _let_rest(row, silence)
        raise


def awake_channels() -> list[str]:
    return [channel for channel in gateways.GATEWAYS if not cache.get(_resting(channel))]


def _let_rest(row: Payment | PaymentAccount | Refund, silence: gateways.ChannelDown) -> None:
    channel = _channel_of(row)
    cache.set(_resting(channel), True, REST)
    log.warning("channel.silent", channel=channel, row=f"{row._meta.model_name}:{row.pk}", reason=str(silence))


def _channel_of(row: Payment | PaymentAccount | Refund) -> str:
    return row.payment.channel if isinstance(row, Refund) else row.channel


def _resting(channel: str) -> str:
    return f"courses.channel.{channel}.resting"


def pause(attempts: int) -> timedelta:
    """Return how long to wait after this many attempts."""
    return PAUSES[min(attempts, len(PAUSES) - 1)]


def put_off(row: Payment | PaymentAccount | PaymentEvent | Refund, *, now: datetime) -> None:
    """Plan the next attempt before the present one is made, without saving."""
    row.next_attempt_at = now + pause(row.attempts)
    row.attempts += 1
