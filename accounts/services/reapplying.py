"""After a backup was restored: whoever had gone goes again, whoever stayed stays, and receipts read as they did."""

import json
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Closure, Erasure, PurgePause, User
from accounts.models.erasure import hash_of_subject
from accounts.services import ledger, purge, residue
from accounts.services.closing import counted
from accounts.services.messages import notify
from accounts.services.restoring import look_again
from accounts.services.sessions import sign_out_everywhere
from consent.lookups import Among

State, Kind = Closure.State, Erasure.Kind
DONE_AGAIN = (Kind.WITHDRAWN, Kind.ERASED, Kind.RECEIPT)  # in this order
Members = dict[str, int]  # by the hash that the ledger knows them by


class NotErased(Exception):
    """Somebody who had gone could not be erased again; says how many, and what holds them up."""


@dataclass(frozen=True)
class Reapplied:
    """What was done again: each line of the ledger that the database had forgotten counts once."""

    erased: int = 0  # who had come back, and was searched for afterwards
    noted: int = 0  # whom the backup does not know: only that they had gone is known again
    withdrawn: int = 0
    receipts: int = 0  # of erasures that the backup knows
    postponed: int = 0  # closures of others, who are given time again
    mentioned: int = 0  # places that still speak of them, which somebody decides or has decided about

    @property
    def lines(self) -> int:
        return self.erased + self.noted + self.withdrawn + self.receipts


def reapply(*, now: datetime) -> Reapplied:
    """Do again what the ledger knows and a restored backup has undone, and nothing else.

    First whoever stayed is let stay, and everybody else who can still change their mind is given time to: only then
    the purge runs. It erases under the numbers that the ledger has.
    Safe to repeat: what is done already is in the database then.

    :raises NotErased: when some could not be carried out; the site stays closed
    :raises accounts.services.ledger.LedgerDamaged: when nobody can say what there is to do
    """
    told = ledger.missing(now=now)
    if not told:
        return Reapplied()
    withdrawn, erased, receipts = ([line for line in told if line.kind == kind] for kind in DONE_AGAIN)
    members = _members_of(told)
    there = [members[line.subject] for line in erased if line.subject in members]
    for line in withdrawn:
        _withdraw_again(line, members)
    postponed = _give_time(to_all_but=there, now=now)
    traces = residue.Traces(User.objects.filter(pk__among=Among(there)))
    for line in erased:
        _bring_back(line, members.get(line.subject), now=now)
    for line in receipts:
        _put_receipt_back(line)
    _purge(now)
    mentioned = _make_sure_of(traces, now=now)
    return Reapplied(len(there), len(erased) - len(there), len(withdrawn), len(receipts), postponed, mentioned)


def _members_of(told: Iterable[ledger.Line]) -> Members:
    """Find who of the members is meant: each is hashed, for a line says no more."""
    wanted = {line.subject for line in told}
    hashed = ((hash_of_subject(subject), pk) for subject, pk in User.objects.values_list("subject", "pk"))
    return {subject: pk for subject, pk in hashed if subject in wanted}


def _purge(now: datetime) -> None:
    """Let the purge run until it gets no further."""
    stood = None
    while (standing := _standing(now)) != stood:
        stood = standing
        purge.purge_due(now=now)
    ledger.write()
    look_again()


def _standing(now: datetime) -> list[tuple[int, str, str]]:
    return list(Closure.objects.live().due(now).values_list("pk", "state", "step"))


def _make_sure_of(traces: residue.Traces, *, now: datetime) -> int:
    """Look whether the ledger agrees, and search once more for whoever had come back.

    Return how often they are still spoken of.
    """
    if left := ledger.missing(now=now):
        held = Closure.objects.filter(number__in=[line.number for line in left]).values_list("state", "step", "error")
        pause = "；删除已暂停，请先在后台继续" if PurgePause.objects.standing().exists() else ""
        raise NotErased(f"{len(left)} 个账号没有删完：{sorted(set(held))}{pause}")
    found = residue.search(traces) if traces.members else residue.Scan()
    return sum(places.total() for places in found.found.values())


@transaction.atomic
def _withdraw_again(line: ledger.Line, members: Members) -> None:
    """Let a member stay who had changed their mind; nothing is said to them, for they know."""
    _note(line)
    asked = Closure.objects.filter(state__in=[State.REQUESTED, State.COOLING], is_final=False)
    ours = asked.filter(member=members.get(line.subject), requested_at__lte=line.at)
    if ours.update(state=State.WITHDRAWN, ended_at=line.at):
        User.objects.filter(pk=members[line.subject]).update(closing_at=None)


@transaction.atomic
def _give_time(*, to_all_but: list[int], now: datetime) -> int:
    """Let nobody be erased whose change of mind may be lost: they have all days again, to the end of the last.

    That of the last seconds before the accident may be in no ledger. Who cannot change their mind is given no time.
    """
    day = timezone.localdate(now) + timedelta(days=settings.CLOSURE_COOLING_DAYS + 1)
    until = timezone.make_aware(datetime.combine(day, time()))
    soon = Closure.objects.cooling().filter(is_final=False, next_attempt_at__lt=until)
    others = soon.exclude(member__pk__among=Among(to_all_but)).select_related("member").order_by("pk")
    for closure in others:
        closure.due_at = closure.next_attempt_at = until
        closure.save(update_fields=["due_at", "next_attempt_at"])
        _tell(closure, now=now)
    return len(others)


def _tell(closure: Closure, *, now: datetime) -> None:
    member = copy(closure.member)
    if member is None:
        return
    member.closing_at = None  # who is leaving hears no news; but this is about their leaving
    day = timezone.localtime(closure.due_at - timedelta(minutes=1)).strftime("%Y年%-m月%-d日")
    url = settings.SITE_URL + reverse("accounts:closing")
    text = (
        f"网站刚从备份恢复，最近的操作可能没有保存，包括撤回注销和注销申请。您的注销（编号 {closure.number}）仍在办理；"
        f"如果不想注销，或者已经撤回过，请在{day}结束以前登录撤回：{url}"
    )
    notify(member=member, subject="网站从备份恢复，请核对您的注销", text=text, now=now)


@transaction.atomic
def _bring_back(line: ledger.Line, member_id: int | None, *, now: datetime) -> None:
    """Have a line carried out by the purge; of whom the backup does not know, that and their receipt are noted."""
    ledger.forget_messages(line)
    if member_id is None:
        _note(line)
        _restore_receipt(line)
        return
    closure = Closure.objects.live().filter(member_id=member_id).first() or _closed_again(member_id, line, now=now)
    # An older closure, if the backup knows one that was withdrawn since: the receipt is under the number of the last.
    Closure.objects.filter(pk=closure.pk).update(next_attempt_at=now, number=line.number)
    _restore_receipt(line)


def _closed_again(member_id: int, line: ledger.Line, *, now: datetime) -> Closure:
    """Close an account that the backup knows from before its member asked."""
    member = User.objects.select_for_update().get(pk=member_id)
    moments = {"requested_at": now, "due_at": now, "next_attempt_at": now}
    closure = Closure.objects.create(member=member, number=line.number, tally=counted(member), **moments)
    User.objects.filter(pk=member_id).update(closing_at=now)
    sign_out_everywhere(member=member)
    return closure


@transaction.atomic
def _put_receipt_back(line: ledger.Line) -> None:
    _note(line)
    _restore_receipt(line)


def _note(line: ledger.Line) -> None:
    """Have the database know a line again, in its place."""
    said = {name: getattr(line, name) for name in ("sequence", "subject", "contacts", "steps", "at")}
    Erasure.objects.get_or_create(kind=line.kind, number=line.number, defaults=said)


def _restore_receipt(line: ledger.Line) -> None:
    """Put a receipt back word for word.

    A closure that is not done has it before the purge comes to its end, which issues no other then: of whom anything
    is still to be looked for, it is looked for anew, for the backup may have brought back what others said.
    """
    if not line.receipt:
        return
    said = {"receipt": line.receipt, "signature": line.signature, "signed_with": line.signed_with}
    ours = Closure.objects.filter(number=line.number)
    if not ours.exists():
        _closure_of(line, **said)
    ours.filter(receipt="").update(**said)
    left_behind = ours.live().filter(member=None)
    left_behind.exclude(state=State.VERIFYING).update(state=State.VERIFYING)
    left_behind.update(next_attempt_at=line.at, attempts=0, error="")
    left_behind.filter(traces=None).update(state=State.DONE, step="", ended_at=line.at)


def _closure_of(line: ledger.Line, **signed: str) -> Closure:
    """Make the closure that the backup does not know as it was when it was done."""
    said = json.loads(line.receipt)
    asked, erased = (datetime.fromisoformat(said[name]) for name in ("requested_at", "erased_at"))
    moments = {"requested_at": asked, "due_at": erased, "next_attempt_at": line.at}
    moments |= {"erased_at": erased, "ended_at": line.at}
    return Closure.objects.create(number=line.number, state=State.DONE, **moments, **signed)
