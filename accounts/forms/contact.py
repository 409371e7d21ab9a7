"""A number or an address that a code is about to be sent to."""

from allauth.core import context, ratelimit
from django import forms
from django.core.validators import validate_email
from django.utils import timezone

from accounts import services
from accounts.models import Message
from accounts.phone import NotAMobileNumber, normalised

NEITHER = "请输入手机号或邮箱"
TOO_SOON = "刚刚已经发送过验证码，请 {seconds} 秒后再试"
TOO_MANY_TODAY = "这个号码或邮箱今天收到的验证码太多，请 24 小时后再试"
SECONDS_BETWEEN = {"verify_phone": 30, "confirm_email": 10}


def cleaned_contact(text: str) -> str:
    """Return a number as E.164 or an address in lower case.

    :raises django.forms.ValidationError: when the text is neither
    """
    text = text.strip()
    if "@" in text:
        validate_email(text)
        return text.lower()
    try:
        return normalised(text)
    except NotAMobileNumber:
        raise forms.ValidationError(NEITHER, code="invalid_login") from None


def refuse_when_flooded(contact: str) -> None:
    """Refuse to send yet another message to somebody who was sent enough today.

    :raises django.forms.ValidationError: that says when to try again
    """
    channel = Message.Channel.MAIL if "@" in contact else Message.Channel.SMS
    if services.has_reached_daily_cap(to=contact, channel=channel, now=timezone.now()):
        raise forms.ValidationError(TOO_MANY_TODAY, code="flooded")


def refuse_when_too_soon(contact: str) -> None:
    """Refuse to send a second code at once, before anything is written.

    :raises django.forms.ValidationError: that says when to try again
    """
    action = "confirm_email" if "@" in contact else "verify_phone"
    if not ratelimit.consume(context.request, action=action, key=contact, dry_run=True):
        raise forms.ValidationError(TOO_SOON.format(seconds=SECONDS_BETWEEN[action]), code="too_soon")
