"""What becomes of saved payment accounts when their consent is taken back."""

from datetime import datetime

from accounts.models import User
from consent.models import Document
from courses import services
from courses.models import PaymentAccount


def withdrawn(*, member: User, kind: str, now: datetime) -> None:
    """Stop using every saved account, and have the clock end their agreements at the channel."""
    if kind == Document.Kind.PAYMENT_ACCOUNT:
        for pk in PaymentAccount.objects.for_member(member).order_by("pk").values_list("pk", flat=True):
            services.forget_account(account_id=pk, now=now)
