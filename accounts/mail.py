"""A mail backend for the demo."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from accounts import inbox


class InboxEmailBackend(BaseEmailBackend):
    """Puts each mail into the demo's inbox page."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for mail in email_messages:
            inbox.put(channel="mail", to=", ".join(mail.to), subject=str(mail.subject), text=str(mail.body))
        return len(email_messages)
