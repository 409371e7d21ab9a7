from accounts.sms import Sms

outbox: list[Sms] = []


class Backend:
    """Keeps messages in `outbox`, for tests."""

    def send(self, sms: Sms) -> None:
        outbox.append(sms)
