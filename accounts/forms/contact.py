"""A number or an address that a code is about to be sent to."""

from allauth.core import context, ratelimit
from django import forms
from django.core.validators import validate_email
from django.utils import timezone

from accounts import services
from accounts.phone import NotAMobileNumber, normalised
from accounts.proven import spared_codes

NEITHER = "请输入手机号或邮箱"
TOO_SOON = "刚刚已经发送过验证码，请 {seconds} 秒后再试"
TOO_MANY_TODAY = "这个号码或邮箱一天内收到的验证码太多，请 {again} 以后再试"
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
    until = services.capped_until(to=contact, now=timezone.now(), spared=spared_codes(context.request, contact))
    if until is not None:
        again = f"{timezone.localtime(until):%m月%d日 %H:%M}"
        raise forms.ValidationError(TOO_MANY_TODAY.format(again=again), code="flooded")


def refuse_when_too_soon(contact: str) -> None:
    """Refuse to send a second code at once, before anything is written.

    :raises django.forms.ValidationError: that says when to try again
    """
    action = "confirm_email" if "@" in contact else "verify_phone"
    if not ratelimit.consume(context.request, action=action, key=contact, dry_run=True):
        raise forms.ValidationError(TOO_SOON.format(seconds=SECONDS_BETWEEN[action]), code="too_soon")
