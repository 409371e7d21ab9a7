from accounts.sms import Sms


class Backend:
    """Prints each message where the worker runs."""

    def send(self, sms: Sms) -> None:
        print(f"SMS {sms.to}: {sms.signed_text}")
