"""Several people, and the same person twice, at the very same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Message
from complaints import services
from complaints.models import Case, Entry
from tests.factories import make_case, make_member, make_staff, open_case

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Start all of them together; return what each gave back or raised."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except Exception as error:  # the test looks at it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def kinds(results: list[object]) -> list[str]:
    return sorted(type(result).__name__ for result in results)


def test_one_form_sent_eight_times_at_once_is_one_case():
    token = uuid4()
    opened = at_once(*[lambda: open_case(form_token=token)] * 8)
    assert len({one.claim_code for one in opened}) == 1
    assert Case.objects.count() == Entry.objects.count() == 1


def test_two_staff_answering_at_once_give_one_answer():
    staff = [make_staff(role="客服"), make_staff(role="客服")]
    case, now = make_case(member=make_member()), timezone.now()
    results = at_once(
        *[lambda by=by: services.answer(case_id=case.pk, body=f"答复 {by.pk}", seen=1, by=by, now=now) for by in staff]
    )
    assert kinds(results) == ["Case", "ThreadMovedOn"]
    assert case.entries.filter(voice="staff").count() == 1
    assert Message.objects.count() == 1


def test_two_staff_claiming_at_once_leave_one_handler():
    staff = [make_staff(role="客服"), make_staff(role="客服")]
    case, now = make_case(), timezone.now()
    results = at_once(*[lambda by=by: services.claim_case(case_id=case.pk, by=by, now=now) for by in staff])
    assert kinds(results) == ["Case", "SomebodyElsesCase"]


@pytest.mark.parametrize("attempt", range(4))
def test_an_answer_and_a_reply_at_once_never_pass_each_other_unread(attempt):
    agent, case, now = make_staff(role="客服"), make_case(member=make_member()), timezone.now()
    results = at_once(
        lambda: services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now),
        lambda: services.reply(case_id=case.pk, body="补充", seen=1, now=now),
    )
    assert kinds(results) == ["Case", "ThreadMovedOn"]
    case.refresh_from_db()
    last = case.entries.latest("pk")
    assert case.status == ("answered" if last.voice == "staff" else "open")


def test_a_reply_sent_four_times_at_once_stands_there_once():
    case, now = make_case(), timezone.now()
    results = at_once(*[lambda: services.reply(case_id=case.pk, body="补充", seen=1, now=now)] * 4)
    assert kinds(results) == ["AlreadySaid", "AlreadySaid", "AlreadySaid", "Case"]
    assert case.entries.count() == 2


def test_two_workers_remind_of_a_case_once():
    make_staff(role="客服")
    now = timezone.now()
    for _ in range(6):
        make_case(now=now - timedelta(days=13))
    counts = at_once(*[lambda: services.remind_due_cases(now=now)] * 4)
    assert sum(counts) == 6
    assert not Case.objects.filter(reminded_at=None).exists()


def test_closing_and_handing_over_at_once_leave_a_case_that_makes_sense():
    agent, colleague = make_staff(role="客服"), make_staff(role="客服")
    case, now = make_case(), timezone.now()
    at_once(
        lambda: services.close_case(case_id=case.pk, decision="决定", seen=1, by=agent, now=now),
        lambda: services.hand_over(case_id=case.pk, to=colleague, by=agent, now=now),
    )
    case.refresh_from_db()
    assert (case.status, case.assigned_to) in ((Case.Status.CLOSED, agent), (Case.Status.OPEN, colleague))
