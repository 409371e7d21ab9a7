"""The desk's side: taking a case, answering it, handing it over, closing it."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet

from accounts import services as accounts
from accounts.models import User
from complaints.models import Case, Entry
from complaints.services import telling, thread

log = structlog.get_logger(__name__)
MAY_READ = "complaints.view_entry"
MAY_ANSWER = "complaints.answer_case"
MAY_HAND_OVER = "complaints.hand_over_case"


class NotEntitled(Exception):
    """This person may not do this to cases."""


class OwnCase(Exception):
    """Nobody handles the case that they brought themselves."""


class SomebodyElsesCase(Exception):
    """A colleague handles this case; it has to be handed over first."""


class AlreadyClaimed(Exception):
    """This person handles the case already."""


def colleagues() -> QuerySet[User]:
    """List who may handle cases."""
    return accounts.colleagues(who_may=MAY_ANSWER)


@transaction.atomic
def claim_case(*, case_id: int, by: User, now: datetime) -> Case:
    """Put one's name on a case that nobody handles, and say in the dialogue that somebody does now.

    :raises NotEntitled: without the permission to answer
    :raises OwnCase: when they brought it themselves
    :raises CaseClosed: when it is closed
    :raises AlreadyClaimed: when it is theirs already, so a repeated click is harmless
    :raises SomebodyElsesCase: when a colleague was quicker
    """
    case = _lock_for(by, case_id, permission=MAY_ANSWER)
    if case.is_closed:
        raise thread.CaseClosed
    if case.assigned_to_id == by.pk:
        raise AlreadyClaimed
    _take(case, by)
    thread.add_from_system(case, body="客服已开始处理此事。", now=now)
    log.info("case.claimed", case=case.pk, by=by.pk)
    return case


@transaction.atomic
def answer(*, case_id: int, body: str, seen: int, by: User, now: datetime) -> Case:
    """Answer a case and let the person know; who answers a case that nobody handles takes it.

    `seen` is the number of entries that the writer had before them.

    :raises NotEntitled: without the permission to answer
    :raises OwnCase: when they brought it themselves
    :raises SomebodyElsesCase: when a colleague handles it
    :raises CaseClosed: when it is closed
    :raises AlreadySaid: when these words stand there already
    :raises ThreadMovedOn: when something was said meanwhile
    """
    case = _lock_for_words(by, case_id, seen=seen, body=body)
    thread.add_from_staff(case, body=body, by=by, now=now)
    case.status = Case.Status.ANSWERED
    case.first_answered_at = case.first_answered_at or now
    case.save(update_fields=["status", "first_answered_at"])
    telling.tell_of_answer(case, now=now)
    log.info("case.answered", case=case.pk, by=by.pk)
    return case


@transaction.atomic
def close_case(*, case_id: int, decision: str, seen: int, by: User, now: datetime) -> Case:
    """End a case with a decision and its reasons, and let the person know.

    Raises what `answer` raises.
    """
    case = _lock_for_words(by, case_id, seen=seen, body=decision)
    thread.add_from_staff(case, body=decision, by=by, now=now)
    thread.add_from_system(case, body="客服已将此事办结。", now=now)
    case.status, case.closed_at = Case.Status.CLOSED, now
    case.first_answered_at = case.first_answered_at or now
    case.save(update_fields=["status", "closed_at", "first_answered_at"])
    telling.tell_of_decision(case, now=now)
    log.info("case.closed", case=case.pk, by=by.pk)
    return case


@transaction.atomic
def hand_over(*, case_id: int, to: User, by: User, now: datetime) -> Case:
    """Give a case to a colleague, and say in the dialogue that somebody else goes on with it.

    :raises NotEntitled: without the permission to hand over, or when the colleague may not answer
    :raises OwnCase: when either of them brought it
    :raises CaseClosed: when it is closed
    :raises AlreadyClaimed: when the colleague handles it already
    """
    case = _lock_for(by, case_id, permission=MAY_HAND_OVER)
    if case.is_closed:
        raise thread.CaseClosed
    if case.assigned_to_id == to.pk:
        raise AlreadyClaimed
    if case.member_id == to.pk:
        raise OwnCase
    if not colleagues().filter(pk=to.pk).exists():
        raise NotEntitled
    _assign(case, to)
    thread.add_from_system(case, body="此事已转交另一位客服继续处理。", now=now)
    log.info("case.handed_over", case=case.pk, by=by.pk, to=to.pk)
    return case


def _lock_for(by: User, case_id: int, *, permission: str) -> Case:
    if not by.has_perm(permission):
        raise NotEntitled
    case = thread.lock(case_id)
    if case.member_id == by.pk:
        raise OwnCase
    return case


def _lock_for_words(by: User, case_id: int, *, seen: int, body: str) -> Case:
    case = _lock_for(by, case_id, permission=MAY_ANSWER)
    thread.expect(case, seen=seen, voice=Entry.Voice.STAFF, body=body, author=by)
    _take(case, by)
    return case


def _take(case: Case, by: User) -> None:
    if case.assigned_to_id is None:
        _assign(case, by)
    elif case.assigned_to_id != by.pk:
        raise SomebodyElsesCase


def _assign(case: Case, to: User) -> None:
    case.assigned_to = to
    case.save(update_fields=["assigned_to"])
