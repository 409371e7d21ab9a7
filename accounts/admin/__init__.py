"""Members and messages as the staff see them: masked."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin

from accounts.admin.base import PersonalDataAdmin, UnguessableAdmin
from accounts.admin.closures import ClosureAdmin
from accounts.admin.disclosures import DisclosureAdmin
from accounts.admin.findings import ResidueFindingAdmin
from accounts.admin.looks import LookAdmin
from accounts.admin.members import MessageAdmin, UserAdmin
from accounts.admin.partners import PartnerRecordAdmin
from accounts.admin.retention import RetentionRunAdmin
from accounts.admin.waiting import waiting

__all__ = [
    "ClosureAdmin",
    "DisclosureAdmin",
    "LookAdmin",
    "MessageAdmin",
    "PartnerRecordAdmin",
    "PersonalDataAdmin",
    "ResidueFindingAdmin",
    "RetentionRunAdmin",
    "UnguessableAdmin",
    "UserAdmin",
    "waiting",
]

# allauth registers these itself, with addresses and secrets in clear.
admin.site.unregister([Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession])
