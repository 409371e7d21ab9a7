"""The payment channels."""

from courses.gateways.alipay import Alipay
from courses.gateways.base import (
    Agreement,
    BadSignature,
    ChannelDown,
    Device,
    Gateway,
    NotFound,
    Notice,
    Refused,
    Trade,
    TradeState,
)

GATEWAYS: dict[str, type[Gateway]] = {"alipay": Alipay}


def get(channel: str) -> Gateway:
    """Return the gateway of a channel, ready to use."""
    return GATEWAYS[channel]()


__all__ = [
    "GATEWAYS",
    "Agreement",
    "Alipay",
    "BadSignature",
    "ChannelDown",
    "Device",
    "Gateway",
    "NotFound",
    "Notice",
    "Refused",
    "Trade",
    "TradeState",
    "get",
]
