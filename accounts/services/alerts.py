"""Telling a member what has just happened to their account, and the way to stop it: 不是我."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.signing import BadSignature
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import Message, User
from accounts.services.messages import has_reached_daily_cap, send_message
from accounts.services.sessions import sign_out_everywhere
from consent.fields import ColumnCipher

VALID = timedelta(days=7)
CIPHER = ColumnCipher("accounts.alert")
log = structlog.get_logger(__name__)


class LinkIsSpent(Exception):
    """The link is too old, was touched, or the password has been changed since it was sent."""


def alert(*, member: User, what: str, now: datetime, also: Iterable[str] = ()) -> int:
    """Tell a member's number, or address when they have none, and `also` these contacts; return how many were told.

    A number that has been sent enough for a day is left for the codes.
    """
    if member.is_closing:
        return 0
    own = member.phone if member.phone_verified else member.email
    contacts = dict.fromkeys(filter(None, [own, *also]))
    return sum(_tell(member, contact, what, now) for contact in contacts)


def _tell(member: User, contact: str, what: str, now: datetime) -> int:
    channel = Message.Channel.MAIL if "@" in contact else Message.Channel.SMS
    if has_reached_daily_cap(to=contact, channel=channel, now=now):
        return 0
    when = f"{timezone.localtime(now):%m月%d日 %H:%M}"
    link = settings.SITE_URL + reverse("accounts:not_me", args=[token_for(member)])
    text = f"{what}（{when}）。不是您本人操作，请打开 {link} 锁定账号。"
    subject = f"【{settings.SITE_NAME}】账号安全提醒" if channel == Message.Channel.MAIL else ""
    send_message(channel=channel, to=contact, subject=subject, body=text, member=member, now=now)
    return 1


def token_for(member: User) -> str:
    """Seal who it is about: an address says nothing to whoever reads it on the way."""
    return urlsafe_b64encode(CIPHER.encrypt(json.dumps([member.pk, _state_of(member)]))).decode().rstrip("=")


def member_of(token: str) -> User:
    """Return the member whom a link is about.

    :raises LinkIsSpent: when it does not lock anything any more
    """
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        pk, state = json.loads(CIPHER.decrypt(sealed, ttl=int(VALID.total_seconds())))
    except (ValueError, BadSignature, InvalidToken) as touched:
        raise LinkIsSpent from touched
    member = User.objects.filter(pk=pk, closing_at=None).first()
    if member is None or not constant_time_compare(state, _state_of(member)):
        raise LinkIsSpent
    return member


def _state_of(member: User) -> str:
    """Digest what changes with the password: a link locks once, and not after its member has set a new one."""
    return salted_hmac("accounts.alert", member.password).hexdigest()[:16]


@transaction.atomic
def lock(*, token: str, now: datetime) -> User:
    """Make the password useless, unlink WeChat and end every session; only a code sent to the member leads back in.

    A key or authenticator from the time such a link is about goes too: whoever came in may have added it to come back,
    or linked a WeChat of their own.

    :raises LinkIsSpent: when the link has been used, or the password has been changed since
    """
    member = User.objects.select_for_update().get(pk=member_of(token).pk)
    member_of(token)  # once more, now that nobody else can change the password
    member.set_unusable_password()
    member.save(update_fields=["password"])
    Authenticator.objects.filter(user=member, created_at__gt=now - VALID).delete()
    SocialAccount.objects.filter(user=member).delete()
    sign_out_everywhere(member=member)
    log.warning("account.locked_by_its_member")
    return member
