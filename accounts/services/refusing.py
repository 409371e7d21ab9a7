"""Why whoever signs up with a taken contact gets no account, as nobody but its owner is told."""

from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from accounts.models import Closure
from accounts.models.user import hash_of_phone
from accounts.services.termination import excluded_until, may_not_join


class Refusal(NamedTuple):
    """A message to the owner of a number or an address."""

    subject: str  # all that an SMS provider's template has room for (`Message.LONGEST_PARAM`)
    text: str


def refusal_of(contact: str) -> Refusal | None:
    """Say why there is no account, when it takes more than to sign in to the one there is.

    Whoever it is, the same is asked: how long it takes tells a stranger nothing.
    """
    until, closure = excluded_until(contact=contact), _closure_of(contact)
    if until:
        day = timezone.localtime(until).strftime("%Y年%-m月%-d日")
        return Refusal(f"账号曾因违规被终止，{day}前不能注册，可以申诉", may_not_join(until))
    if closure is None:
        return None
    if closure.is_revocable:
        text = "您的账号正在注销。改变主意的，登录就能撤回；想要新账号的，请等删除办完再注册。不是您本人操作请忽略。"
        return Refusal("您的账号正在注销，登录就能撤回", text)
    text = "您的账号正在删除，已经不能撤回。想要新账号的，请等删除办完再注册。不是您本人操作请忽略。"
    return Refusal("您的账号正在删除，办完可再注册", text)


def _closure_of(contact: str) -> Closure | None:
    """Find the closure under way of the member who owns a contact."""
    added = Q(member__emailaddress__email=contact.lower(), member__emailaddress__verified=True)
    mail = Q(member__email=contact.lower()) | added
    phone = Q(member__phone_hash=hash_of_phone(contact), member__phone_verified=True)
    return Closure.objects.live().filter(mail if "@" in contact else phone).first()
