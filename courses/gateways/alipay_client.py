"""python-alipay-sdk, with what it leaves to chance made certain."""

import ipaddress
import ssl
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
from alipay import AliPay
from alipay.exceptions import AliPayException, AliPayValidationError
from django.conf import settings
from django.utils import timezone

from courses.gateways.base import BadSignature, ChannelDown

TIMEOUT = httpx.Timeout(2.5, connect=1.5)
LONGEST_ANSWER = 5.0  # seconds for all of it: the timeouts above begin anew with every byte
LARGEST_ANSWER = 256 * 1024
BEIJING = ZoneInfo("Asia/Shanghai")


def beijing(moment: datetime) -> str:
    """Write a moment as Alipay reads it, whatever zone the server is in."""
    return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


class Client(AliPay):
    """Signs, verifies and asks; whatever fails on the way is `ChannelDown` or `BadSignature`."""

    def __init__(self, *, app_id: str, private_key: str, public_key: str, gateway: str) -> None:
        super().__init__(appid=app_id, app_private_key_string=private_key, alipay_public_key_string=public_key)
        self._gateway = gateway
        # A proxy of the environment leads out to the world, never to a server on this machine.
        self._proxied = not _is_loopback(gateway)

    def build_body(self, method: str, biz_content: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Stamp a request with the time in Beijing: the SDK takes the server's."""
        stamped = {"timestamp": beijing(timezone.now()), "format": "JSON", **fields}
        return dict(super().build_body(method, biz_content, **stamped))

    def address(self, method: str, content: dict[str, Any], **fields: str) -> str:
        """Return a signed address to send a browser to."""
        return f"{self._gateway}?{self.sign_data(self.build_body(method, content, **fields))}"

    def ask(self, method: str, content: dict[str, Any], **fields: str) -> dict[str, Any]:
        """Return the channel's verified answer.

        :raises ChannelDown: when there is none
        """
        try:
            text = self._post(self.sign_data(self.build_body(method, content, **fields)))
            return dict(self._verify_and_return_sync_response(text, f"{method.replace('.', '_')}_response"))
        except (
            httpx.HTTPError,
            AliPayException,
            AliPayValidationError,
            ValueError,
            TypeError,
            AttributeError,
        ) as error:
            # The SDK trips in its own ways over answers that are cut off or no JSON object.
            raise ChannelDown(type(error).__name__) from error

    def _post(self, signed: str) -> str:
        """Return the text of an answer that came in time.

        :raises httpx.HTTPError: when none did
        """
        until = monotonic() + LONGEST_ANSWER
        with httpx.stream(
            "POST",
            self._gateway,
            params={"charset": "utf-8"},
            content=signed,
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            timeout=TIMEOUT,
            trust_env=self._proxied,
            verify=_trusted_authorities(),
        ) as answer:
            answer.raise_for_status()
            return _read(answer, until=until).decode(answer.charset_encoding or "utf-8")

    def check(self, posted: Mapping[str, str]) -> dict[str, str]:
        """Return the signed fields of a notice.

        :raises BadSignature: when the signature is missing, unreadable or wrong
        """
        fields = {name: value for name, value in posted.items() if name != "sign"}
        try:
            genuine = self.verify(dict(fields), posted["sign"])  # it takes sign_type out of what it is given
        except Exception as error:
            # A wrong sign_type, broken base64 and a short signature each raise something else.
            raise BadSignature(type(error).__name__) from error
        if not genuine:
            raise BadSignature
        return fields


def _read(answer: httpx.Response, *, until: float) -> bytes:
    """Read an answer piece by piece: a channel that drips must not hold a worker for ever.

    :raises httpx.HTTPError: when it takes too long, or does not end
    """
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if monotonic() > until:
            raise httpx.ReadTimeout("dripping")
        if len(body) > LARGEST_ANSWER:
            raise httpx.ReadError("endless")
    return body


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Read the certificate authorities once: it takes ten times as long as a question."""
    return httpx.create_ssl_context()


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client() -> Client:
    """Return the client for the settings as they are; reading its keys takes milliseconds, so it is kept."""
    said = settings.ALIPAY
    return _client(said["app_id"], said["private_key"], said["public_key"], said["gateway"])


@lru_cache(maxsize=4)
def _client(app_id: str, private_key: str, public_key: str, gateway: str) -> Client:
    return Client(app_id=app_id, private_key=private_key, public_key=public_key, gateway=gateway)
