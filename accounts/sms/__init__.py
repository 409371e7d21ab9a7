"""Sending SMS through a backend that a setting names, like Django's e-mail.

A backend is a class `Backend` with `send(sms)`. It returns when the channel has taken the message; it raises
`SmsRefused` when asking again would change nothing, anything else when it may. It has five seconds.
"""

from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

TIMEOUT_SECONDS = 5


class SmsRefused(Exception):
    """The channel will never take this message: a number out of service, a template it does not know."""


@dataclass(frozen=True)
class Sms:
    """One message: providers take the template and its parameters, people read the text."""

    to: str
    template: str
    params: dict[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def signed_text(self) -> str:
        """Write the text as it arrives: providers put the sender's name before it."""
        return f"【{settings.SITE_NAME}】{self.text}"


class SmsBackend(Protocol):
    def send(self, sms: Sms) -> None: ...


def get_backend() -> SmsBackend:
    """Make the backend that `SMS_BACKEND` names."""
    backend: SmsBackend = import_string(settings.SMS_BACKEND)()
    return backend
