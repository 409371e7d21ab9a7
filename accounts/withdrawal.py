"""What becomes of a public name when the consent to it is taken back."""

from datetime import datetime

from accounts import services
from accounts.models import User
from consent.models import Document


def withdrawn(*, member: User, kind: str, now: datetime) -> None:
    """Show the name to nobody else from this moment on."""
    if kind == Document.Kind.NAME:
        services.hide_name(member=member)
