"""Who a member is, what is on its way to them, where they were, and how they leave."""

from accounts.models.closure import Closure
from accounts.models.message import Message
from accounts.models.user import User, UserManager, hash_of_phone
from accounts.models.visit import Visit

__all__ = ["Closure", "Message", "User", "UserManager", "Visit", "hash_of_phone"]
