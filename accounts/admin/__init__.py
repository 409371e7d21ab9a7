"""Members and messages as the staff see them: masked."""

from accounts.admin.base import PersonalDataAdmin
from accounts.admin.members import MessageAdmin, UserAdmin

__all__ = ["MessageAdmin", "PersonalDataAdmin", "UserAdmin"]
