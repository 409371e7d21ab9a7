"""Six digits that prove, in the middle of a visit, that it is still the member: for those without a password too."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import Message, User
from accounts.services.messages import capped_until, send_message
from consent.fields import keyed_hash

PAUSE = timedelta(seconds=60)
MOST_TRIES = 5

# What a session remembers of a code: its keyed hash, when it ends, how often it was tried. Never the code.
Pending = dict[str, str | float | int]


class CodeNotSent(Exception):
    """No code was sent; says why in words for the member."""


def contacts_of(member: User) -> dict[str, str]:
    """Return where a member can be sent a code, by channel."""
    numbers = {Message.Channel.SMS.value: member.phone} if member.phone_verified else {}
    return {channel: to for channel, to in {**numbers, Message.Channel.MAIL.value: member.email}.items() if to}


def send_confirmation_code(*, member: User, channel: str, act: str, now: datetime) -> Pending:
    """Send six digits to a member's own number or address; return what to remember of them.

    `act` says, in words for the member, what the code is for.

    :raises CodeNotSent: when there is no such contact, or when it was sent one a moment ago or enough for a day
    """
    to = contacts_of(member).get(channel)
    if to is None:
        raise CodeNotSent("没有可以接收验证码的手机号或邮箱")
    codes = Message.objects.filter(template=Message.Template.CODE)
    if codes.to_destination(to, channel=channel, since=now - PAUSE).exists():
        raise CodeNotSent("刚刚已经发送过，请 1 分钟后再试")
    if until := capped_until(to=to, now=now):
        raise CodeNotSent(f"一天内收到的验证码太多，请 {timezone.localtime(until):%m月%d日 %H:%M} 以后再试")
    return _send(member, channel, to, act, now)


def _send(member: User, channel: str, to: str, act: str, now: datetime) -> Pending:
    code = f"{secrets.randbelow(10**6):06}"
    valid_for = timedelta(seconds=settings.CODE_VALID_SECONDS)
    send_message(
        channel=channel,
        to=to,
        subject=f"【{settings.SITE_NAME}】验证码",
        body=f"您正在{act}，验证码 {code}，{settings.CODE_VALID_SECONDS // 60} 分钟内有效。不是您本人操作请改密码。",
        template=Message.Template.CODE,
        params={"code": code},
        member=member,
        valid_for=valid_for,
        now=now,
    )
    return {"hash": _hash_of(code), "until": (now + valid_for).timestamp(), "tries": 0}


def code_is_right(*, pending: Pending, code: str, now: datetime) -> bool:
    """Compare a typed code, and count the try in `pending`."""
    tries = int(pending["tries"]) + 1
    pending["tries"] = tries
    alive = now.timestamp() < float(pending["until"]) and tries <= MOST_TRIES
    return alive and constant_time_compare(_hash_of("".join(code.split())), str(pending["hash"]))


def _hash_of(code: str) -> str:
    return keyed_hash(code, purpose="accounts.confirmation.code").hex()
