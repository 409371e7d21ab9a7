"""不是我: the account is locked, whoever is in it is out, and its contacts are what they were."""

from datetime import datetime

import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import Alert, Message, User
from accounts.services.alerts import Contacts
from accounts.services.confirmation import contacts_of
from accounts.services.registration import hold_contact
from accounts.services.sessions import sign_out_everywhere

log = structlog.get_logger(__name__)
PHONE, MAIL = Message.Channel.SMS, Message.Channel.MAIL


class LinkIsSpent(Exception):
    """The link is unknown, too old, or was used; or one that is older was."""


def alert_of(*, token: str, now: datetime) -> Alert:
    """Return the alert that a link came with.

    :raises LinkIsSpent: when it does not lock anything any more
    """
    found = Alert.objects.with_token(token).open(now).filter(member__closing_at=None).select_related("member").first()
    if found is None:
        raise LinkIsSpent
    return found


def contacts_to_restore(alert: Alert) -> Contacts:
    """Return which contacts of that time the member does not have now."""
    now = contacts_of(alert.member)
    return {channel: to for channel, to in alert.contacts_before.items() if now.get(channel) != to}


@transaction.atomic
def lock(*, token: str, now: datetime) -> User:
    """Make the password useless, unlink WeChat, end every session and put the contacts back that a link remembers.

    Only a code sent to one of those leads in again. A key or authenticator of the last seven days goes too: whoever
    came in may have added it to come back. So do the links that were sent later: they may remember the contacts of
    whoever came in.

    :raises LinkIsSpent: when the link has been used, or an older one
    """
    member = User.objects.select_for_update().get(pk=alert_of(token=token, now=now).member_id)
    alert = alert_of(token=token, now=now)  # once more, now that nobody else can use one
    Alert.objects.filter(member=member, sent_at__gte=alert.sent_at, spent_at=None).update(spent_at=now)
    member.set_unusable_password()
    member.locked_at = now
    _put_back(member, alert.contacts_before)
    member.save()
    Authenticator.objects.filter(user=member, created_at__gt=now - Alert.VALID).delete()
    SocialAccount.objects.filter(user=member).delete()
    sign_out_everywhere(member=member)
    log.warning("account.locked_by_its_member")
    return member


def _put_back(member: User, before: Contacts) -> None:
    """Give a member the contacts of that time and no others, except what somebody else has proven since.

    Where that leaves none, the account waits for somebody of the staff: the contacts it has are not the member's.
    """
    for contact in before.values():
        hold_contact(contact)
    phone, email = before.get(PHONE), before.get(MAIL)
    if phone != contacts_of(member).get(PHONE):
        member.set_phone(phone if phone and User.objects.with_proven_phone(phone) is None else None, verified=True)
    if email != member.email:
        member.email = email if email and _is_free(email, member) else None
        _put_back_address(member)
    member.is_active = bool(member.is_active and (contacts_of(member) or not before))


def _is_free(email: str, member: User) -> bool:
    others = User.objects.exclude(pk=member.pk)
    proven = EmailAddress.objects.exclude(user=member).filter(email=email, verified=True)
    return not (others.filter(email=email).exists() or proven.exists())


def _put_back_address(member: User) -> None:
    EmailAddress.objects.filter(user=member).exclude(email=member.email or "").delete()
    if member.email:
        proven = {"verified": True, "primary": True}
        EmailAddress.objects.update_or_create(user=member, email=member.email, defaults=proven)
