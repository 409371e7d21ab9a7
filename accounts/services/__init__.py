"""What can be done with a member: reach them, take them in, let them go."""

from accounts.services.messages import (
    deliver_due_messages,
    drop_outdated_messages,
    has_reached_daily_cap,
    notify,
    send_message,
)

__all__ = [
    "deliver_due_messages",
    "drop_outdated_messages",
    "has_reached_daily_cap",
    "notify",
    "send_message",
]
