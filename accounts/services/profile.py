"""What members say about themselves."""

from accounts.models import User


def set_name(*, member: User, name: str) -> None:
    """Write down what a member wants to be called; empty takes it back."""
    member.name = name
    member.save(update_fields=["name"])
