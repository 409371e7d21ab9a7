"""Ending somebody's agreement for cause: they leave like everybody, the next day, and may not come back for a while."""

from datetime import datetime, timedelta

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Closure, Exclusion, User
from accounts.models.exclusion import digest_of_contact
from accounts.services import closing
from accounts.services.linking import weixin_contact, weixin_of
from accounts.services.messages import tell

APPEAL = "/complaints/"
TIME_TO_BE_TOLD = timedelta(days=1)  # the message is a row of the member, and goes with them
log = structlog.get_logger(__name__)


class NotTerminable(Exception):
    """Who has powers here is not shown out by a colleague alone."""


@transaction.atomic
def terminate(*, member: User, by: User, now: datetime) -> Closure:
    """Close an account for good, without days to change one's mind; only digests under a key refuse its contacts.

    :raises NotTerminable: when the member is of the staff
    :raises User.DoesNotExist: when they have been purged meanwhile
    """
    person = User.objects.select_for_update().get(pk=member.pk)
    if person.is_staff or person.is_superuser:
        raise NotTerminable
    standing = closing.standing_closure(person)
    if standing is not None and (standing.is_final or person.exclusions.exists()):
        return standing  # somebody was quicker
    Exclusion.objects.bulk_create(
        Exclusion(digest=digest_of_contact(contact), member=person, decided_by=by, at=now)
        for contact in _ways_in(person)
    )
    closure = _final_closure(person, standing, now=now)
    closing.shut(person, now=now)
    _tell_why(person, closure, now=now)
    log.info("member.terminated", closure=closure.pk)
    return closure


def _final_closure(member: User, standing: Closure | None, *, now: datetime) -> Closure:
    """Make a closure that nobody can take back, or make the one that stands such a one, if it has not begun."""
    due_at = now + TIME_TO_BE_TOLD
    if standing is None:
        return Closure.objects.create(
            member=member,
            tally=closing.counted(member),
            requested_at=now,
            due_at=due_at,
            next_attempt_at=due_at,
            is_final=True,
        )
    if standing.is_revocable:
        standing.is_final = True
        standing.due_at = standing.next_attempt_at = due_at
        standing.save(update_fields=["is_final", "due_at", "next_attempt_at"])
    return standing


def _tell_why(member: User, closure: Closure, *, now: datetime) -> None:
    """Tell a member that it is over and how to appeal, also one who was leaving anyway."""
    day = timezone.localtime(closure.due_at).strftime("%Y年%-m月%-d日")
    text = f"您的账号因违反服务协议被终止，{day}起删除您的信息，不能撤回，编号 {closure.number}。"
    appeal = f"不服的，可以不登录提出申诉：{settings.SITE_URL}{APPEAL}"
    tell(member=member, subject="您的账号已被终止", text=text + appeal, now=now)


def _ways_in(member: User) -> set[str]:
    """List what a member has proven to own and could come back with."""
    addresses = EmailAddress.objects.filter(user=member, verified=True).values_list("email", flat=True)
    link = weixin_of(member=member)
    phone = [member.phone] if member.phone and member.phone_verified else []
    return {*addresses, *phone, *([weixin_contact(link.uid)] if link else [])}


def excluded_until(*, contact: str, now: datetime | None = None) -> datetime | None:
    """Tell until when a number or an address may not join; None when it may."""
    found = Exclusion.objects.of(contact, now=now or timezone.now()).first()
    return found.ends_at if found else None


def may_not_join(until: datetime) -> str:
    """Tell whoever owns a contact why it is refused."""
    day = timezone.localtime(until).strftime("%Y年%-m月%-d日")
    return f"这里的账号曾因违反服务协议被终止，{day}以前不能重新注册，不服的可以申诉。不是您本人操作请忽略。"
