"""Who a member is, what is on its way to them, and how they leave."""

from accounts.models.closure import Closure
from accounts.models.message import Message
from accounts.models.user import User, UserManager, hash_of_phone

__all__ = ["Closure", "Message", "User", "UserManager", "hash_of_phone"]
