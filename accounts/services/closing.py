"""Leaving, and changing one's mind."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Alert, Closure, Message, User
from accounts.models.closure import FILES
from accounts.services import erasing
from accounts.services.alerts import alert_former, former_contacts
from accounts.services.ledger import note_withdrawal
from accounts.services.messages import notify, tell
from accounts.services.sessions import sign_out_everywhere
from consent import inventory

# 15 natural days are the promise; the days to change one's mind are a part of them.
PROMISE = timedelta(days=15)
REMIND_BEFORE = timedelta(days=2)


class AlreadyClosing(Exception):
    """The account is being closed already."""

    def __init__(self, closure: Closure) -> None:
        super().__init__(str(closure))
        self.closure = closure


class ClosureNotRevocable(Exception):
    """There is nothing to take back or to hasten: the purge has begun, or nobody asked for it."""


@transaction.atomic
def close_account(*, member: User, now: datetime) -> Closure:
    """Close an account at once; the deletion follows when the days to change one's mind are over.

    :raises AlreadyClosing: with the closure that stands, so that a second click is harmless
    """
    person = User.objects.select_for_update().get(pk=member.pk)
    if person.is_closing:
        raise AlreadyClosing(Closure.objects.live().get(member=person))
    due_at = now + timedelta(days=settings.CLOSURE_COOLING_DAYS)
    former = former_contacts(member=person, now=now)
    if former:
        due_at = max(due_at, now + Alert.VALID)
    moments = {"requested_at": now, "due_at": due_at, "next_attempt_at": due_at}
    # The receipt tells of the devices that are signed out in this moment, too.
    closure = Closure.objects.create(member=person, tally=counted(person), **moments)
    alert_former(member=person, contacts=former, what=f"您的账号已申请注销，编号 {closure.number}", now=now)
    shut(person, now=now)
    _say_goodbye(person, closure, now=now)
    return closure


def counted(person: User) -> dict[str, int]:
    """Count what there is of a member before anything goes, for the receipt."""
    rows = inventory.tallies(member_ids=[person.pk])[person.pk]
    files = erasing.files_of(person)
    return {**rows, FILES: files} if files else dict(rows)


def shut(person: User, *, now: datetime) -> None:
    """Let nobody use an account any more, on any device, and send it no more news; its row is locked.

    News that a worker is handing over at this very moment may still arrive. Codes are not news, and neither are alerts:
    their link is what stops a stranger's closing.
    """
    person.closing_at = now
    person.save(update_fields=["closing_at"])
    sign_out_everywhere(member=person)
    Message.objects.waiting().filter(member=person, template=Message.Template.NOTICE).delete()


def _say_goodbye(member: User, closure: Closure, *, now: datetime) -> None:
    day = timezone.localtime(closure.due_at).strftime("%Y年%-m月%-d日 %H:%M")
    url = settings.SITE_URL + reverse("accounts:closing")
    text = f"您的账号已停用，注销编号 {closure.number}。{day}起删除您的信息；在那以前登录即可撤回：{url}"
    tell(member=member, subject="您的账号已申请注销", text=text, now=now)


@transaction.atomic
def withdraw_closure(*, member: User, now: datetime) -> Closure:
    """Give members their account back, if the purge has not begun.

    :raises ClosureNotRevocable: when it has, or when there is nothing to withdraw
    """
    closure = _revocable(member)
    closure.state = Closure.State.WITHDRAWN
    closure.ended_at = now
    closure.tally = {}
    closure.save(update_fields=["state", "ended_at", "tally"])
    User.objects.filter(pk=member.pk).update(closing_at=None)
    member.closing_at = None
    note_withdrawal(closure, member=member, now=now)
    text = f"您撤回了注销（编号 {closure.number}），账号恢复如前。如果不是您本人操作，请立即登录并修改密码。"
    notify(member=member, subject="您的账号已恢复", text=text, now=now)
    return closure


class ContactsJustChanged(Exception):
    """A number or address was replaced within seven days: whoever had it must still be able to stop this."""


@transaction.atomic
def delete_now(*, member: User, now: datetime) -> Closure:
    """Waive the remaining days to change one's mind: the next sweep deletes.

    :raises ClosureNotRevocable: when the purge has begun, or when there is nothing to hasten
    :raises ContactsJustChanged: while somebody else may have taken the account over
    """
    closure = _revocable(member)
    if former_contacts(member=member, now=now):
        raise ContactsJustChanged
    closure.due_at = closure.next_attempt_at = min(now, closure.due_at)
    closure.save(update_fields=["due_at", "next_attempt_at"])
    sign_out_everywhere(member=member)
    return closure


def days_left(closure: Closure, *, now: datetime) -> int:
    """Count the days until the promise is broken: 0 on the last of them, negative after it."""
    return (timezone.localdate(closure.requested_at + PROMISE) - timezone.localdate(now)).days


def in_words(left: int) -> str:
    """Say how the promise stands with so many days left."""
    return f"还剩 {left} 天" if left > 0 else "今天到期" if left == 0 else f"已超期 {-left} 天"


def _revocable(member: User) -> Closure:
    """Lock a member and their closure; whoever waited for somebody else here sees what they decided."""
    list(User.objects.select_for_update().filter(pk=member.pk).values_list("pk"))
    closure = standing_closure(member)
    if closure is None or not closure.is_revocable:
        raise ClosureNotRevocable
    return closure


def standing_closure(member: User) -> Closure | None:
    """Return the closure of a member whose row is locked already: everybody locks that row first.

    While it is, no purge begins. One that has begun holds its closure and comes to the member's row last, so it must
    not be waited for: its closure is only read.
    """
    standing = Closure.objects.live().filter(member=member)
    return standing.cooling().select_for_update(of=("self",)).first() or standing.first()
