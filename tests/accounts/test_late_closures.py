"""Two days before the promise of 15 days would be broken, who answers for personal data hears of it, once."""

from datetime import timedelta

import pytest

from accounts import services, tasks
from accounts.models import Closure, Message
from tests.accounts.test_purge_processes import in_parallel
from tests.factories import make_member, make_phone_member, make_staff

pytestmark = pytest.mark.django_db

OFFICER = "个人信息保护负责人"


@pytest.fixture
def officer(db):
    return make_staff(role=OFFICER, email="officer@example.com")


def leaving(member=None, *, now) -> Closure:
    closure = services.close_account(member=member or make_member(), now=now)
    Message.objects.all().delete()  # the goodbye
    return closure


def alarms() -> list[Message]:
    return list(Message.objects.order_by("pk"))


def test_the_alarm_is_raised_when_two_days_are_left_and_only_once(officer, now, caplog):
    leaving(now=now)
    day = timedelta(days=1)
    assert services.alarm_late_closures(now=now + 13 * day) == 0
    assert services.alarm_late_closures(now=now + 13 * day + timedelta(hours=1)) == 1
    (mail,) = alarms()
    assert (mail.channel, mail.to, mail.member) == ("mail", "officer@example.com", officer)
    assert [record.levelname for record in caplog.records if "closures.late" in record.getMessage()] == ["ERROR"]
    for later in (13 * day + timedelta(hours=2), 15 * day, 30 * day):
        assert services.alarm_late_closures(now=now + later) == 0
    assert len(alarms()) == 1


def test_the_mail_says_where_it_stands_and_not_whose_it_is(officer, now, caplog):
    member = make_member(name="金丝雀", email="canary@example.com")
    closure = leaving(member, now=now - timedelta(days=14))
    ours = Closure.objects.filter(pk=closure.pk)
    ours.update(state="running", step="files")
    ours.update(state="blocked", error="PermissionError")
    services.alarm_late_closures(now=now)
    (mail,) = alarms()
    assert f"{closure.number}，受阻，将重试，删除文件，PermissionError，还剩 1 天" in mail.body
    for told in (mail.body, mail.subject, caplog.text):
        assert "金丝雀" not in told
        assert "canary" not in told


@pytest.mark.parametrize(("days", "said"), [(15, "今天到期"), (17, "已超期 2 天")])
def test_what_was_found_too_late_is_told_as_it_is(officer, now, days, said):
    leaving(now=now - timedelta(days=days))
    services.alarm_late_closures(now=now)
    assert said in alarms()[0].body


def test_what_is_over_or_taken_back_alarms_nobody(officer, alice, bob, now):
    for member in (alice, bob):
        leaving(member, now=now - timedelta(days=14))
    services.withdraw_closure(member=alice, now=now)
    services.purge_due(now=now)
    Message.objects.all().delete()
    assert services.alarm_late_closures(now=now + timedelta(days=5)) == 0
    assert alarms() == []


def test_a_paused_purge_does_not_keep_the_alarm_quiet(officer, now):
    leaving(now=now - timedelta(days=14))
    services.pause_purge(by=officer, reason="存储故障", now=now)
    assert services.alarm_late_closures(now=now) == 1


def test_only_who_has_the_role_hears_of_it_and_without_an_address_by_sms(officer, now):
    make_staff(role="客服")
    make_staff(role=OFFICER, is_active=False)
    going = make_staff(role=OFFICER)
    reachable = make_phone_member(is_staff=True)
    reachable.groups.set(officer.groups.all())
    leaving(going, now=now - timedelta(days=14))
    services.alarm_late_closures(now=now)
    assert [(mail.member, mail.channel) for mail in alarms()] == [(officer, "mail"), (reachable, "sms")]


def test_many_late_ones_make_one_mail_a_person(officer, now):
    closures = [leaving(now=now - timedelta(days=14)) for _ in range(5)]
    assert services.alarm_late_closures(now=now) == 5
    (mail,) = alarms()
    assert all(closure.number in mail.body for closure in closures)


def test_with_nobody_in_the_role_the_log_says_it_all_the_same(now, caplog):
    leaving(now=now - timedelta(days=14))
    assert services.alarm_late_closures(now=now) == 1
    assert "closures.late" in caplog.text


def test_the_task_runs_and_may_run_twice(officer, now):
    leaving(now=now - timedelta(days=14))
    assert [tasks.alarm_late_closures(), tasks.alarm_late_closures()] == [1, 0]
    assert len(alarms()) == 1


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_each_of_each_closure_once(officer, now):
    closures = [leaving(now=now - timedelta(days=14)) for _ in range(5)]
    told = in_parallel(*[lambda: services.alarm_late_closures(now=now)] * 2)
    assert sum(told) == 5
    bodies = "".join(mail.body for mail in alarms())
    assert [bodies.count(closure.number) for closure in closures] == [1] * 5
