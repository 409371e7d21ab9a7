"""Members and messages as the staff see them: masked."""

from accounts.admin.base import PersonalDataAdmin
from accounts.admin.closures import ClosureAdmin
from accounts.admin.members import MessageAdmin, UserAdmin

__all__ = ["ClosureAdmin", "MessageAdmin", "PersonalDataAdmin", "UserAdmin"]
