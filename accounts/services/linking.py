"""Which WeChat a member signs in with."""

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import User
from accounts.services.alerts import alert
from accounts.services.keys import has_passkey, has_proven_contact
from accounts.services.registration import hold_contact

WEIXIN = "weixin"


class LinkedAlready(Exception):
    """This WeChat is the member's already."""


class LinkedToAnother(Exception):
    """Somebody else signs in with this WeChat."""


class HasAnotherWeixin(Exception):
    """The member signs in with another WeChat."""


class LastWayIn(Exception):
    """Without WeChat the member could not come in any more."""


def weixin_of(*, member: User) -> SocialAccount | None:
    """Return the link to a member's WeChat, if there is one."""
    return SocialAccount.objects.filter(user=member, provider=WEIXIN).order_by("pk").first()


def weixin_contact(openid: str) -> str:
    """Write a WeChat so that no number or address is written alike."""
    return f"{WEIXIN}:{openid}"


def hold_weixin(*, openid: str) -> User | None:
    """Make whoever else comes with this WeChat wait until the transaction ends; return whose it is."""
    hold_contact(weixin_contact(openid))
    link = SocialAccount.objects.filter(provider=WEIXIN, uid=openid).select_related("user").first()
    return link.user if link else None


@transaction.atomic
def link_weixin(*, member: User, openid: str, now: datetime) -> SocialAccount:
    """Let a member sign in with this WeChat too, and tell them.

    :raises LinkedAlready: when they do so already
    :raises LinkedToAnother: when it is somebody else's
    :raises HasAnotherWeixin: when the member has another one
    """
    User.objects.select_for_update().get(pk=member.pk)
    owner = hold_weixin(openid=openid)
    if owner is not None:
        raise LinkedAlready if owner == member else LinkedToAnother
    if weixin_of(member=member) is not None:
        raise HasAnotherWeixin
    alert(member=member, what="微信登录已绑定", now=now)
    return SocialAccount.objects.create(user=member, provider=WEIXIN, uid=openid)


@transaction.atomic
def unlink_weixin(*, member: User, now: datetime) -> bool:
    """Forget a member's WeChat, and tell them; return whether there was one.

    :raises LastWayIn: when no proven number, no proven address and no passkey is left to come in with
    """
    member = User.objects.select_for_update().get(pk=member.pk)
    if weixin_of(member=member) is None:
        return False
    if not (has_proven_contact(member=member) or has_passkey(member=member)):
        raise LastWayIn
    SocialAccount.objects.filter(user=member, provider=WEIXIN).delete()
    alert(member=member, what="微信登录已解除", now=now)
    return True
