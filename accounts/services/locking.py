"""不是我: the account is locked, whoever is in it is out, and its contacts are what they were."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import Alert, Closure, Message, User
from accounts.services.alerts import Contacts
from accounts.services.closing import ClosureNotRevocable, withdraw_closure
from accounts.services.confirmation import contacts_of
from accounts.services.registration import drop_unproven_claims, hold_contact
from accounts.services.sessions import sign_out_everywhere

log = structlog.get_logger(__name__)
PHONE, MAIL = Message.Channel.SMS, Message.Channel.MAIL


class LinkIsSpent(Exception):
    """The link is unknown, too old, or was used; or one that is older was."""


@dataclass(frozen=True)
class Effect:
    """What locking does to the contacts of a member, and whether a way in is left."""

    contacts: Contacts  # what they are afterwards
    put_back: Contacts
    taken_away: Contacts
    unlinks_weixin: bool

    @property
    def leaves_a_way_in(self) -> bool:
        return bool(self.contacts)


def alert_of(*, token: str, now: datetime) -> Alert:
    """Return the alert that a link came with.

    :raises LinkIsSpent: when it does not lock anything any more
    """
    found = Alert.objects.with_token(token).open(now).select_related("member").first()
    if found is None or (found.member.is_closing and not _can_come_back(found.member)):
        raise LinkIsSpent
    return found


def _can_come_back(member: User) -> bool:
    closure = Closure.objects.live().filter(member=member).first()
    return closure is not None and closure.is_revocable


def effect_of(alert: Alert) -> Effect:
    """Tell what a link does; a contact that is somebody else's by now is not put back."""
    member, before = alert.member, alert.contacts_before
    now = contacts_of(member)
    after = {kind: to for kind, to in before.items() if now.get(kind) == to or _is_free(to, member)}
    return Effect(
        contacts=after,
        put_back={kind: to for kind, to in after.items() if now.get(kind) != to},
        taken_away={kind: to for kind, to in now.items() if before.get(kind) != to},
        unlinks_weixin=SocialAccount.objects.filter(user=member).exists(),
    )


@transaction.atomic
def lock(*, token: str, now: datetime) -> Effect:
    """Make the password useless, unlink WeChat, end every session and put the contacts back that a link remembers.

    Only a code sent to one of those leads in again; where somebody else has proven all of them since, the account waits
    for the staff. A key or authenticator of the last seven days goes too: whoever came in may have added it to come
    back. So do the links that were sent later: they may remember the contacts of whoever came in. A closing that can
    still be withdrawn is withdrawn.

    :raises LinkIsSpent: when the link has been used, or an older one
    """
    member = User.objects.select_for_update().get(pk=alert_of(token=token, now=now).member_id)
    alert = alert_of(token=token, now=now)  # once more, now that nobody else can use one
    for contact in alert.contacts_before.values():
        hold_contact(contact)
        drop_unproven_claims(email=contact)
    effect = effect_of(alert)
    _shut_out(member, effect, now=now)
    Alert.objects.filter(member=member, sent_at__gte=alert.sent_at, spent_at=None).update(spent_at=now)
    Authenticator.objects.filter(user=member, created_at__gt=now - Alert.VALID).delete()
    SocialAccount.objects.filter(user=member).delete()
    sign_out_everywhere(member=member)
    log.warning("account.locked_by_its_member")
    if member.is_closing:
        _come_back(member, now)
    return effect


def _shut_out(member: User, effect: Effect, *, now: datetime) -> None:
    phone, email = effect.contacts.get(PHONE), effect.contacts.get(MAIL)
    member.set_unusable_password()
    member.locked_at = now
    if phone != contacts_of(member).get(PHONE):
        member.set_phone(phone, verified=True)
    if email != member.email:
        member.email = email
        _put_back_address(member)
    member.is_active = member.is_active and effect.leaves_a_way_in
    member.save()


def _come_back(member: User, now: datetime) -> None:
    """Withdraw the closing that whoever came in may have asked for."""
    try:
        withdraw_closure(member=member, now=now)
    except ClosureNotRevocable as begun:
        raise LinkIsSpent from begun


def _is_free(contact: str, member: User) -> bool:
    """Tell whether a number or address is nobody else's; who only typed it owns nothing."""
    if Message.channel_to(contact) == PHONE:
        owner = User.objects.with_proven_phone(contact)
        return owner is None or owner.pk == member.pk
    others = User.objects.exclude(pk=member.pk).exclude(pk__in=User.objects.unproven()).filter(email=contact)
    proven = EmailAddress.objects.exclude(user=member).filter(email=contact, verified=True)
    return not (others.exists() or proven.exists())


def _put_back_address(member: User) -> None:
    EmailAddress.objects.filter(user=member).exclude(email=member.email or "").delete()
    if member.email:
        proven = {"verified": True, "primary": True}
        EmailAddress.objects.update_or_create(user=member, email=member.email, defaults=proven)
