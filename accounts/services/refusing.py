"""Why whoever signs up with a taken contact gets no account, as nobody but its owner is told."""

from typing import NamedTuple

from allauth.account.models import EmailAddress

from accounts.models import Closure, User
from accounts.services.termination import excluded_until, may_not_join


class Refusal(NamedTuple):
    """A message to the owner of a number or an address."""

    subject: str  # short enough for an SMS provider's template
    text: str


def refusal_of(contact: str) -> Refusal | None:
    """Say why there is no account, when it takes more than to sign in to the one there is."""
    if until := excluded_until(contact=contact):
        return Refusal("现在不能注册", may_not_join(until))
    closure = _closure_of(contact)
    if closure is None:
        return None
    if closure.is_revocable:
        text = "您的账号正在注销。改变主意的，登录就能撤回；想要新账号的，请等删除办完再注册。不是您本人操作请忽略。"
        return Refusal("您的账号正在注销", text)
    text = "您的账号正在删除，已经不能撤回。想要新账号的，请等删除办完再注册。不是您本人操作请忽略。"
    return Refusal("您的账号正在删除，办完可再注册", text)


def _closure_of(contact: str) -> Closure | None:
    """Find the closure under way of the member who owns a contact."""
    if "@" in contact:
        addresses = EmailAddress.objects.filter(email=contact.lower(), verified=True)
        own = User.objects.sealed().filter(email=contact.lower()).values_list("pk", flat=True)
        owner = addresses.values_list("user", flat=True).first() or own.first()
    else:
        member = User.objects.with_proven_phone(contact)
        owner = member and member.pk
    return Closure.objects.live().filter(member=owner).first() if owner else None
