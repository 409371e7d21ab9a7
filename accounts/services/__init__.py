"""What can be done with a member: reach them, take them in, let them go."""

from accounts.services.messages import (
    deliver_due_messages,
    drop_outdated_messages,
    has_reached_daily_cap,
    notify,
    send_message,
)
from accounts.services.registration import (
    drop_unproven_claims,
    drop_unproven_members,
    ensure_member,
    hold_contact,
    register,
)

__all__ = [
    "deliver_due_messages",
    "drop_outdated_messages",
    "drop_unproven_claims",
    "drop_unproven_members",
    "ensure_member",
    "has_reached_daily_cap",
    "hold_contact",
    "notify",
    "register",
    "send_message",
]
