"""The promise is watched: a reminder before, an alarm after; and a closed case has its term."""

from datetime import timedelta

import pytest

from accounts.models import Message
from complaints import services, tasks
from complaints.models import Case, Entry, Picture
from tests.factories import attach_pictures, make_case, make_staff, open_case
from tests.terms import expire


def test_the_desk_is_reminded_once_when_three_days_are_left(agent, colleague, now):
    make_case(now=now - timedelta(days=11))
    soon = make_case(now=now - timedelta(days=13))
    assert services.remind_due_cases(now=now) == 1
    assert services.remind_due_cases(now=now) == 0
    assert {m.member for m in Message.objects.all()} == {agent, colleague}
    assert all(soon.number in m.body for m in Message.objects.all())


def test_who_handles_a_case_is_reminded_alone(alice, agent, colleague, now):
    case = make_case(member=alice, now=now - timedelta(days=13))
    services.claim_case(case_id=case.pk, by=agent, now=now)
    services.remind_due_cases(now=now)
    assert [m.member for m in Message.objects.all()] == [agent]


def test_a_handler_who_is_gone_leaves_it_to_the_whole_desk(agent, colleague, now):
    case = make_case(now=now - timedelta(days=13))
    services.claim_case(case_id=case.pk, by=agent, now=now)
    agent.is_active = False
    agent.save()
    services.remind_due_cases(now=now)
    assert [m.member for m in Message.objects.all()] == [colleague]


def test_several_cases_make_one_message_a_person(agent, now):
    for _ in range(5):
        make_case(now=now - timedelta(days=13))
    assert services.remind_due_cases(now=now) == 5
    assert Message.objects.count() == 1


def test_a_broken_promise_alarms_everybody_and_the_log_once(agent, colleague, now, caplog):
    case = make_case(now=now - timedelta(days=17))
    services.claim_case(case_id=case.pk, by=agent, now=now)
    assert services.alarm_overdue_cases(now=now) == 1
    assert services.alarm_overdue_cases(now=now) == 0
    assert {m.member for m in Message.objects.all()} == {agent, colleague}
    assert "cases.overdue" in caplog.text


def test_the_last_day_itself_is_no_broken_promise(agent, now):
    case = make_case(now=now - timedelta(days=15))
    assert services.alarm_overdue_cases(now=case.due_at) == 0
    assert services.alarm_overdue_cases(now=case.due_at + timedelta(seconds=1)) == 1


def test_what_is_answered_reminds_nobody(alice, agent, now):
    case = make_case(member=alice, now=now - timedelta(days=20))
    services.answer(case_id=case.pk, body="答复", seen=1, by=agent, now=now)
    Message.objects.all().delete()
    assert services.remind_due_cases(now=now) == services.alarm_overdue_cases(now=now) == 0
    assert not Message.objects.exists()


def test_without_anybody_at_the_desk_the_log_still_says_it(db, now, caplog):
    make_case(now=now - timedelta(days=17))
    assert services.alarm_overdue_cases(now=now) == 1
    assert "cases.overdue" in caplog.text


@pytest.mark.parametrize(("years", "days", "stays"), [(3, -1, True), (3, 1, False)])
def test_three_years_after_its_end_a_case_is_deleted(agent, now, years, days, stays):
    case = open_case().case
    ended = now.replace(year=now.year - years, day=min(now.day, 28)) - timedelta(days=days)
    Case.objects.filter(pk=case.pk).update(
        status="closed", opened_at=ended, first_answered_at=ended, closed_at=ended, due_at=ended + timedelta(days=15)
    )
    expire(now=now.replace(day=min(now.day, 28)))
    assert Case.objects.exists() is stays
    assert Entry.objects.exists() is stays


@pytest.mark.usefixtures("documents")
def test_pictures_go_with_their_case_and_so_do_their_files(alice, now):
    case = make_case(member=alice)
    (picture,) = attach_pictures(case)
    long_ago = now - timedelta(days=4 * 366)
    ended = {"opened_at": long_ago, "first_answered_at": long_ago, "closed_at": long_ago, "due_at": now}
    Case.objects.filter(pk=case.pk).update(status="closed", **ended)
    assert picture.file.storage.exists(picture.file.name)
    expire(now=now)
    assert not Picture.objects.exists()
    assert not picture.file.storage.exists(picture.file.name)


def test_an_open_case_is_never_deleted_by_its_age(db, now):
    make_case(now=now.replace(year=now.year - 9, day=min(now.day, 28)))
    assert expire(now=now).total() == 0


def test_the_tasks_run_and_may_run_twice(db, now):
    make_staff(role="客服")
    make_case(now=now - timedelta(days=17))
    for _ in range(2):
        for task in (tasks.remind_due_cases, tasks.alarm_overdue_cases):
            task()
    assert Message.objects.count() == 1
