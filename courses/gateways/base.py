"""What every payment channel can do, in the words of the portal: fen, our own numbers, and facts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ChannelDown(Exception):
    """The channel gave no answer that can be believed: whether it did what was asked is unknown."""


class BadSignature(Exception):
    """What came in was not signed by the channel, or cannot be read."""


class Refused(Exception):
    """The channel answered, and said no.

    :param code: the channel's own code, fit for a log and for staff
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotFound(Refused):
    """The channel does not know what it was asked about."""


class TradeState(StrEnum):
    WAITING = "waiting"  # the buyer has not paid yet
    PAID = "paid"
    CLOSED = "closed"  # can no longer be paid, and was not
    RETURNED = "returned"  # was paid, and went back whole


@dataclass(frozen=True, slots=True)
class Trade:
    """What a channel says about one attempt to pay."""

    out_trade_no: str
    trade_no: str
    amount_fen: int
    state: TradeState
    is_ours: bool  # paid to our account, through our application


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a channel says about one saved account; the token leaves here for a sealed column only."""

    request_no: str
    token: str
    label: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """One verified notice; it speaks of a trade, of an agreement, or of nothing that concerns us."""

    event_id: str
    trade: Trade | None = None
    agreement: Agreement | None = None

    def facts(self) -> dict[str, Any]:
        """Return what may be stored: nothing about the buyer, and no token."""
        if self.trade:
            return asdict(self.trade)
        return {"is_live": self.agreement.is_live} if self.agreement else {}


class Device(StrEnum):
    DESKTOP = "desktop"
    PHONE = "phone"


class Gateway(ABC):
    """One channel, from the first redirect to the last refund.

    Paying:   `start` leads the buyer there → the channel tells (`read`) or is asked (`query`) → `close` ends it.
    Refunds:  `refund` under our own number, as often as needed → `query_refund`.
    Saving:   `sign_agreement` leads the buyer there → `read` or `query_agreement` → `debit` → `unsign`.

    `start`, `read` and `sign_agreement` need no network. The others wait a few seconds at most, are never called within
    a transaction, and raise `ChannelDown` when the outcome is unknown, `Refused` when it is no.
    """

    @abstractmethod
    def start(
        self, *, out_trade_no: str, amount_fen: int, subject: str, expires_at: datetime, device: Device, return_url: str
    ) -> str:
        """Return the address at which the buyer pays, until `expires_at` and not a second longer."""

    @abstractmethod
    def read(self, posted: Mapping[str, str]) -> Notice:
        """Verify what came in.

        :raises BadSignature: whatever is wrong with it
        """

    @abstractmethod
    def query(self, *, out_trade_no: str) -> Trade:
        """Ask how an attempt stands.

        :raises NotFound: when the buyer has not got as far as the channel, and may still do so
        """

    @abstractmethod
    def close(self, *, out_trade_no: str) -> None:
        """Keep an attempt from being paid.

        :raises NotFound: as in `query`: there is nothing to close yet
        :raises Refused: when it has been paid meanwhile
        """

    @abstractmethod
    def refund(self, *, out_trade_no: str, out_refund_no: str, amount_fen: int, reason: str) -> None:
        """Send money back; a second time under the same `out_refund_no` it does nothing."""

    @abstractmethod
    def query_refund(self, *, out_trade_no: str, out_refund_no: str) -> bool:
        """Tell whether a refund has been carried out."""

    @abstractmethod
    def sign_agreement(self, *, request_no: str, valid_for: int, return_url: str) -> str:
        """Return the address at which the buyer lets us charge their account; it works for `valid_for` seconds."""

    @abstractmethod
    def query_agreement(self, *, request_no: str) -> Agreement:
        """Ask how a signing stands.

        :raises NotFound: when it was never signed
        """

    @abstractmethod
    def debit(self, *, out_trade_no: str, amount_fen: int, subject: str, expires_at: datetime, token: str) -> Trade:
        """Charge a saved account; under the same `out_trade_no` it is charged once."""

    @abstractmethod
    def unsign(self, *, token: str) -> None:
        """Give back the right to charge an account.

        :raises NotFound: when there is no such right any more
        """
