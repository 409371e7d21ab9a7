"""The staff may hurry the purge or hold it; nobody can stop a closure with either."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from accounts import services
from accounts.models import Closure, PurgePause, User
from accounts.services import purge
from tests.accounts.test_purge_processes import in_parallel
from tests.factories import make_member, make_staff, sign_in

pytestmark = pytest.mark.django_db

OFFICER = "个人信息保护负责人"
DESK = "/admin/accounts/closure/"


@pytest.fixture
def officer(client, settings) -> User:
    settings.STAFF_SECOND_STEP = False
    member = make_staff(role=OFFICER, name="负责人")
    sign_in(client, member)
    return member


def leaving(member=None, *, now, days=8) -> Closure:
    return services.close_account(member=member or make_member(), now=now - timedelta(days=days))


def blocked(member=None, *, now, days=8, step="sessions", error="OperationalError") -> Closure:
    closure = leaving(member, now=now, days=days)
    ours = Closure.objects.filter(pk=closure.pk)
    ours.update(state="running", step=step)
    ours.update(state="blocked", error=error, attempts=7, next_attempt_at=now + timedelta(hours=1))
    closure.refresh_from_db()
    return closure


def in_state(state: str, *, now) -> Closure:
    closure = leaving(now=now)
    ours = Closure.objects.filter(pk=closure.pk)
    for to in {"running": ["running"], "held": ["running", "verifying", "held"]}.get(state, []):
        ours.update(state=to, step="files" if to == "running" else "proof")
    if state == "withdrawn":
        services.withdraw_closure(member=closure.member, now=now)
    if state == "done":
        services.purge_due(now=now)
    closure.refresh_from_db()
    return closure


# ── Trying again ──


def test_a_blocked_closure_that_is_tried_again_goes_with_the_next_sweep(alice, now):
    closure = blocked(alice, now=now)
    assert services.purge_due(now=now) == 0
    assert services.retry_closures(closure_ids=[closure.pk], now=now) == [closure]
    closure.refresh_from_db()
    assert (closure.state, closure.attempts, closure.next_attempt_at) == ("blocked", 0, now)
    assert services.purge_due(now=now) == 1
    assert not User.objects.filter(pk=alice.pk).exists()


def test_what_fails_again_waits_as_at_first_and_is_still_called_blocked(now, monkeypatch):
    def not_yet(member):
        raise services.NotYet

    monkeypatch.setattr("accounts.closing.release", not_yet)
    monkeypatch.setattr(purge, "monotonic", lambda: 0.0)  # a sweep that takes no time
    closure = blocked(now=now, step="release")
    services.retry_closures(closure_ids=[closure.pk], now=now)
    services.purge_due(now=now)
    closure.refresh_from_db()
    assert (closure.state, closure.attempts, closure.error) == ("blocked", 1, "NotYet")
    assert closure.next_attempt_at == now + 2 * purge.FIRST_WAIT


@pytest.mark.parametrize("state", ["cooling", "running", "held", "withdrawn", "done"])
def test_only_what_is_blocked_is_tried_again(now, state):
    closure = in_state(state, now=now)
    before = Closure.objects.filter(pk=closure.pk).values().get()
    assert before["state"] == state
    assert services.retry_closures(closure_ids=[closure.pk], now=now + timedelta(hours=1)) == []
    assert Closure.objects.filter(pk=closure.pk).values().get() == before


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_and_a_sweep_beside_them_delete_once(now):
    closures = [blocked(now=now) for _ in range(6)]
    ids = [closure.pk for closure in closures]
    hurry = [lambda: services.retry_closures(closure_ids=ids, now=now)] * 2
    outcomes = in_parallel(*hurry, lambda: services.purge_due(now=now))
    assert [o for o in outcomes if isinstance(o, Exception)] == []
    services.retry_closures(closure_ids=ids, now=now)
    services.purge_due(now=now)
    found = Closure.objects.filter(pk__in=ids)
    assert {(c.state, c.tally["accounts.User"]) for c in found} == {("done", 1)}


# ── Holding ──


def test_while_the_purge_is_held_nobody_goes_and_nothing_is_lost(alice, now):
    closure = leaving(alice, now=now)
    services.pause_purge(by=make_staff(), reason="存储故障", now=now)
    assert services.purge_due(now=now) == 0
    closure.refresh_from_db()
    assert (closure.state, closure.member) == ("cooling", alice)
    services.resume_purge(by=make_staff(), now=now)
    assert services.purge_due(now=now) == 1


def test_a_pause_holds_a_sweep_that_has_begun_before_its_next_batch(now, monkeypatch):
    chief = make_staff()
    for _ in range(3):
        leaving(now=now)
    monkeypatch.setattr(purge, "BATCH", 1)
    monkeypatch.setattr(purge, "PROVEN", 1)
    finish = purge.WORK["rows"]

    def finish_one_and_press_the_switch(batch, at):
        finish(batch, at)
        services.pause_purge(by=chief, reason="有人发现了问题", now=at)

    monkeypatch.setitem(purge.WORK, "rows", finish_one_and_press_the_switch)
    assert services.purge_due(now=now) == 0
    assert Closure.objects.filter(state="verifying", step="proof", member=None).count() == 1
    assert Closure.objects.filter(state="running", step="sessions", attempts=0).count() == 2
    services.resume_purge(by=chief, now=now)
    monkeypatch.setitem(purge.WORK, "rows", finish)
    assert services.purge_due(now=now) == 3


def test_the_days_of_the_promise_run_on_while_the_purge_is_held(now):
    closure = leaving(now=now, days=10)
    left = services.days_left(closure, now=now)
    services.pause_purge(by=make_staff(), reason="存储故障", now=now)
    closure.refresh_from_db()
    assert services.days_left(closure, now=now + timedelta(days=3)) == left - 3


def test_who_is_leaving_can_still_change_their_mind_while_the_purge_is_held(alice, now):
    leaving(alice, now=now, days=1)
    services.pause_purge(by=make_staff(), reason="存储故障", now=now)
    assert services.withdraw_closure(member=alice, now=now).state == "withdrawn"


def test_a_second_pause_and_a_second_resume_are_refused(now):
    chief = make_staff()
    with pytest.raises(services.NotPaused):
        services.resume_purge(by=chief, now=now)
    services.pause_purge(by=chief, reason="存储故障", now=now)
    with pytest.raises(services.AlreadyPaused):
        services.pause_purge(by=chief, reason="又一次", now=now)
    assert PurgePause.objects.get().reason == "存储故障"
    services.resume_purge(by=chief, now=now)
    with pytest.raises(services.NotPaused):
        services.resume_purge(by=chief, now=now)
    services.pause_purge(by=chief, reason="又一次", now=now)
    assert PurgePause.objects.count() == 2


def test_the_database_knows_of_one_pause_at_a_time(now):
    PurgePause.objects.create(begun_at=now, reason="甲")
    with pytest.raises(IntegrityError, match="one_pause_stands_at_a_time"), transaction.atomic():
        PurgePause.objects.create(begun_at=now, reason="乙")


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_two_who_press_the_switch_at_once_pause_once(now):
    chief = make_staff()
    outcomes = in_parallel(*[lambda: services.pause_purge(by=chief, reason="故障", now=now)] * 2)
    assert {type(outcome) for outcome in outcomes} == {PurgePause, services.AlreadyPaused}
    assert PurgePause.objects.standing().count() == 1


def test_a_colleague_who_leaves_leaves_the_pause_standing_without_their_name(alice, bob, now):
    services.pause_purge(by=alice, reason="存储故障", now=now)
    services.resume_purge(by=bob, now=now)
    services.pause_purge(by=bob, reason="又一次", now=now)
    services.resume_purge(by=alice, now=now)
    leaving(alice, now=now)
    assert services.purge_due(now=now) == 1
    assert list(PurgePause.objects.order_by("pk").values_list("begun_by", "ended_by")) == [
        (None, bob.pk),
        (bob.pk, None),
    ]


# ── The page ──


def page(client) -> str:
    return client.get(DESK).content.decode()


def test_the_page_counts_by_state_and_age_and_draws_what_it_compares(client, officer, now):
    for days in (1, 2, 9, 14, 20):
        leaving(now=now, days=days)
    blocked(now=now, days=14)
    html = page(client).partition('id="standing"')[2].partition("</section>")[0]
    rows = dict(re.findall(r'<th scope="row">(\S+)</th>(.*?)</tr>', html, re.DOTALL))
    numbers = {state: [int(n) for n in re.findall(r"number\">(\d+)<", cells)] for state, cells in rows.items()}
    assert numbers["可以撤回"] == [2, 1, 1, 1]
    assert numbers["受阻，将重试"] == [0, 0, 1, 0]
    assert re.findall(r'<rect width="(\d+)"', rows["可以撤回"]) == ["100", "50", "50", "50"]
    assert rows["可以撤回"].count("measure__bar--urgent") == 2


def test_a_blocked_one_stands_there_with_its_step_and_kind_of_error_and_without_its_member(client, officer, now):
    member = make_member(name="金丝雀", email="canary@example.com")
    closure = blocked(member, now=now, step="files", error="PermissionError")
    html = page(client)
    assert all(told in html for told in (closure.number, "删除文件", "PermissionError", "再试一次"))
    assert "金丝雀" not in html
    assert "canary@" not in html


def test_the_button_tries_again_and_is_written_down(client, officer, now):
    closure = blocked(now=now)
    answer = client.post(f"{DESK}retry/", {"closure": closure.pk}, follow=True).content.decode()
    assert "1 件马上再试" in answer
    closure.refresh_from_db()
    assert closure.attempts == 0
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (officer, str(closure.pk), "再试一次")


def test_several_are_tried_again_from_the_list(client, officer, now):
    closures = [blocked(now=now) for _ in range(3)]
    chosen = [closure.pk for closure in closures[:2]]
    client.post(DESK, {"action": "retry_selected", "_selected_action": chosen})
    assert set(Closure.objects.filter(attempts=0).values_list("pk", flat=True)) == set(chosen)


@pytest.mark.parametrize("typed", ["", "x", "9" * 40, "-1", "999"])
def test_what_is_no_blocked_closure_is_told_so(client, officer, typed):
    answer = client.post(f"{DESK}retry/", {"closure": typed}, follow=True).content.decode()
    assert "没有可以再试的" in answer
    assert not LogEntry.objects.exists()


def test_the_switch_says_who_and_why_and_that_the_promise_runs_on(client, officer, now):
    assert "删除照常进行" in page(client)
    client.post(f"{DESK}pause/", {"reason": "存储故障"})
    html = page(client)
    assert all(told in html for told in ("删除已暂停", "负责人", "存储故障", "15 天的承诺照常计时，不顺延"))
    client.post(f"{DESK}resume/")
    assert "删除照常进行" in page(client)
    pause = PurgePause.objects.get()
    assert (pause.begun_by, pause.ended_by) == (officer, officer)
    assert list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True)) == ["暂停删除", "继续删除"]


def test_nobody_pauses_without_a_reason(client, officer):
    assert "请写明原因" in client.post(f"{DESK}pause/", {"reason": " "}, follow=True).content.decode()
    assert not PurgePause.objects.exists()


def test_pressing_twice_is_harmless(client, officer, now):
    for _ in range(2):
        answer = client.post(f"{DESK}pause/", {"reason": "存储故障"}, follow=True)
    assert "已经暂停了" in answer.content.decode()
    for _ in range(2):
        answer = client.post(f"{DESK}resume/", follow=True)
    assert "没有暂停" in answer.content.decode()
    assert LogEntry.objects.count() == 2


def test_a_pause_stands_on_the_front_page_until_it_ends(client, officer, now):
    def heaps() -> str:
        return client.get("/admin/").content.decode().partition('class="waiting"')[2].partition("</section>")[0]

    services.pause_purge(by=officer, reason="存储故障", now=now)
    assert re.search(r"waiting__heap--urgent.*?<strong>1</strong> 个总开关关着：删除已暂停", heaps(), re.DOTALL)
    services.resume_purge(by=officer, now=now)
    assert "已暂停" not in heaps()


@pytest.mark.parametrize("verb", ["retry", "pause", "resume"])
def test_who_may_only_look_changes_nothing(client, settings, now, verb):
    settings.STAFF_SECOND_STEP = False
    closure, looker = blocked(now=now), make_staff()
    looker.user_permissions.add(Permission.objects.get(codename="view_closure"))
    sign_in(client, looker)
    html = page(client)
    assert "再试一次" not in html
    assert "删除照常进行" in html
    assert "暂停删除</button>" not in html
    assert client.post(f"{DESK}{verb}/", {"closure": closure.pk, "reason": "原因"}).status_code == 403
    assert client.get(f"{DESK}{verb}/").status_code == 405
    closure.refresh_from_db()
    assert closure.attempts == 7
    assert not PurgePause.objects.exists()


def test_the_page_asks_as_much_for_twenty_blocked_as_for_one(queries, officer, now):
    blocked(now=now)
    one = queries(DESK)
    for _ in range(19):
        blocked(now=now)
    assert queries(DESK) == one
