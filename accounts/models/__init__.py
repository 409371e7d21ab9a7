"""Who a member is, what is on its way to them, where they were, what they take away, who saw
their data, and how they leave.
"""

from accounts.models.alert import Alert
from accounts.models.avatar import Avatar
from accounts.models.closure import Closure
from accounts.models.disclosure import Disclosure
from accounts.models.erasure import Erasure
from accounts.models.exclusion import Exclusion
from accounts.models.export import Export
from accounts.models.finding import ResidueFinding
from accounts.models.look import Look
from accounts.models.message import Message
from accounts.models.partner import PartnerRecord
from accounts.models.pause import PurgePause
from accounts.models.profile import Audience, Profile
from accounts.models.retention import RetentionAlarm, RetentionRun
from accounts.models.user import User, UserManager, hash_of_phone
from accounts.models.visit import Visit

__all__ = [
    "Alert",
    "Audience",
    "Avatar",
    "Closure",
    "Disclosure",
    "Erasure",
    "Exclusion",
    "Export",
    "Look",
    "Message",
    "PartnerRecord",
    "Profile",
    "PurgePause",
    "ResidueFinding",
    "RetentionAlarm",
    "RetentionRun",
    "User",
    "UserManager",
    "Visit",
    "hash_of_phone",
]
