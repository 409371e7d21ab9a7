"""Telling a member what has just happened to their account, with a link that stops it: 不是我."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Alert, Message, User
from accounts.models.alert import digest_of, new_token
from accounts.services.confirmation import contacts_of
from accounts.services.messages import capped_until, send_message

Contacts = dict[str, str]  # by channel


def alert(
    *, member: User, what: str, now: datetime, also: Iterable[str] = (), before: Contacts | None = None
) -> list[str]:
    """Tell a member's number, or address when they have none, and `also` these contacts; return which were told.

    `before`: the contacts as they were, when they are what has changed; the link puts them back. A number that was
    alerted enough for a day is spared, and its member told by mail; but a change of contacts is told whatever was
    before.
    """
    if member.is_closing:
        return []
    mine = contacts_of(member)
    wanted = dict.fromkeys(filter(None, [next(iter(mine.values()), None), *also]))
    told = [to for to in wanted if before is not None or not _has_had_enough(to, now)]
    if len(told) < len(wanted) and (mail := mine.get(Message.Channel.MAIL)) and not _has_had_enough(mail, now):
        told = list(dict.fromkeys([*told, mail]))
    for to in told:
        _tell(member, to, what, mine if before is None else before, now)
    return told


CHANGES = {
    Message.Channel.SMS: ("登录手机号已添加", "登录手机号已更换", "登录手机号已删除"),
    Message.Channel.MAIL: ("登录邮箱已添加", "登录邮箱已更换", "登录邮箱已删除"),
}


def alert_change(*, member: User, channel: str, former: str | None, now: datetime) -> list[str]:
    """Tell every contact that a member had and has of a number or address that came, was replaced or went.

    `former`: what was there before. Who has just joined had none, and hears nothing.
    """
    after = contacts_of(member)
    others = {kind: to for kind, to in after.items() if kind != channel}
    before = {**others, channel: former} if former else others
    if not before or after.get(channel) == former:
        return []
    added, replaced, deleted = CHANGES[Message.Channel(channel)]
    what = deleted if channel not in after else replaced if former else added
    return alert(member=member, what=what, now=now, also=[*before.values(), *after.values()], before=before)


def former_contacts(*, member: User, now: datetime) -> list[str]:
    """List the contacts that a member had within the last seven days and has no more."""
    had = dict.fromkeys(to for contacts in _lately(member, now) for to in contacts.values())
    return [to for to in had if to not in contacts_of(member).values()]


def _lately(member: User, now: datetime) -> list[Contacts]:
    """List what a member's contacts were, oldest first."""
    found = Alert.objects.open(now).filter(member=member).order_by("sent_at", "pk")
    return list(found.values_list("contacts_before", flat=True))


def alert_former(*, member: User, contacts: Iterable[str], what: str, now: datetime) -> None:
    """Tell former contacts of what would be final; whoever took them away must not be the only one who hears of it."""
    before = next(iter(_lately(member, now)), {})
    for to in contacts:
        _tell(member, to, what, before, now)


def _has_had_enough(to: str, now: datetime) -> bool:
    return capped_until(to=to, now=now, alerts=True) is not None


def _tell(member: User, to: str, what: str, before: Contacts, now: datetime) -> None:
    token = new_token()
    Alert.objects.create(member=member, digest=digest_of(token), contacts_before=before, sent_at=now)
    when = f"{timezone.localtime(now):%m月%d日 %H:%M}"
    link = settings.SITE_URL + reverse("accounts:not_me", args=[token])
    channel = Message.channel_to(to)
    send_message(
        channel=channel,
        to=to,
        subject=f"【{settings.SITE_NAME}】账号安全提醒" if channel == Message.Channel.MAIL else "",
        body=f"{what}（{when}）。不是您本人操作，请打开 {link} 锁定账号。",
        template=Message.Template.ALERT,
        params={"what": what[: Message.LONGEST_PARAM], "when": when, "token": token},
        member=member,
        now=now,
    )
