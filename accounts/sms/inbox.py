from accounts import inbox
from accounts.sms import Sms


class Backend:
    """Puts each message into the demo's inbox page."""

    def send(self, sms: Sms) -> None:
        inbox.put(channel="sms", to=sms.to, subject="", text=sms.signed_text)
