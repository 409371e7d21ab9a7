"""A rehearsal of the purge does everything to the rows, tells what it did, and nothing has changed."""

from datetime import timedelta
from io import StringIO

import pytest
import redis
from allauth.account.models import EmailAddress
from django.conf import settings as configured
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.management import CommandError, call_command

from accounts import services
from accounts.models import Closure, User
from accounts.models.closure import FILES
from tests import canaries
from tests.accounts.test_purge_processes import in_parallel
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def leaving(member, *, now, days=8) -> Closure:
    return services.close_account(member=member, now=now - timedelta(days=days))


def member_with_everything(word: str) -> User:
    member = make_member(name=word, email=f"{word}@example.com")
    canaries.Planter(member, word).plant_everything()
    canaries.upload(member, word)
    session = SessionStore()
    session["_auth_user_id"] = str(member.pk)
    session.save()
    return member


def rehearsed() -> str:
    out = StringIO()
    call_command("purge", dry_run=True, stdout=out)
    return out.getvalue()


def stored() -> list[str]:
    """Everything in tables, Redis and files; a row that was put back may stand elsewhere in its table."""
    return sorted([*canaries.tables(), *canaries.files(), *in_our_cache()])


def in_our_cache() -> list[str]:
    with redis.Redis.from_url(configured.CACHES["default"]["LOCATION"]) as client:
        return [f"{key} {canaries.readable(client, key)}" for key in client.scan_iter()]


def test_it_counts_per_kind_what_the_purge_then_does(documents, alice, now, monkeypatch):
    monkeypatch.setattr("accounts.closing.release", lambda member: None)
    member = member_with_everything("canary")
    closure = leaving(member, now=now)
    said = rehearsed()
    assert "演练了 1 件到期的注销" in said
    assert "courses.Order\t订单\t1\t去名保留" in said
    assert "accounts.Visit\t访问记录\t1\t删除" in said
    told = {line.split("\t")[0]: int(line.split("\t")[2]) for line in said.splitlines()[1:]}
    assert services.purge_due(now=now) == 1
    closure.refresh_from_db()
    assert told == {label: rows for label, rows in closure.tally.items() if label != FILES}


WAYS = {"cooling": [], "running": ["running"], "blocked": ["running", "blocked"]}


@pytest.mark.parametrize("state", WAYS)
def test_nothing_has_changed_afterwards(documents, now, state):
    member = member_with_everything("canary")
    closure = leaving(member, now=now)
    for to in WAYS[state]:
        Closure.objects.filter(pk=closure.pk).update(state=to, step="files")
    before = stored()
    assert any("canary" in one for one in before)
    assert "演练了 1 件" in rehearsed()
    assert stored() == before


@pytest.mark.django_db(transaction=True)
def test_it_never_speaks_to_files_cache_or_channels(alice, now, monkeypatch):
    leaving(alice, now=now)

    def refuse(*_args, **_kwargs):
        raise AssertionError("a rehearsal must not do this")

    for place in (
        "accounts.closing.release",
        "shutil.rmtree",
        "accounts.services.residue.caches.search",
        "accounts.services.sessions._drop_cached",
        "accounts.services.sessions._drop_from_cache",
    ):
        monkeypatch.setattr(place, refuse)
    assert services.rehearse_purge(now=now).failures == []
    assert User.objects.filter(pk=alice.pk).exists()


def test_what_is_not_due_is_not_rehearsed(alice, bob, now):
    leaving(alice, now=now, days=1)
    leaving(bob, now=now)
    services.withdraw_closure(member=bob, now=now)
    assert "演练了 0 件" in rehearsed()


def test_what_would_fail_is_named_by_number_and_kind_and_the_others_are_counted(alice, now):
    EmailAddress.objects.create(user=make_member(), email=alice.email, verified=True)
    closure = leaving(alice, now=now)
    for _ in range(2):
        leaving(make_member(), now=now)
    out = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("purge", dry_run=True, stdout=out)
    assert f"{closure.number}：还提到：account_emailaddress.email×1" in str(refusal.value)
    assert alice.email not in str(refusal.value)
    assert "演练了 2 件" in out.getvalue()
    closure.refresh_from_db()
    assert (closure.state, closure.attempts, closure.error) == ("cooling", 0, "")


def test_a_paused_purge_can_be_rehearsed(alice, now):
    leaving(alice, now=now)
    services.pause_purge(by=make_member(is_staff=True), reason="存储故障", now=now)
    assert "演练了 1 件" in rehearsed()


def test_the_help_says_what_is_left_alone(capsys):
    with pytest.raises(SystemExit):
        call_command("purge", "--help")
    told = "".join(capsys.readouterr().out.split())
    assert "不碰文件、缓存和支付渠道" in told


def purged() -> str:
    out = StringIO()
    call_command("purge", stdout=out)
    return out.getvalue()


def test_without_dry_run_it_is_carried_out_and_counted(alice, bob, now):
    closure = leaving(alice, now=now)
    leaving(bob, now=now, days=1)
    assert "办完了 1 件到期的注销，还有 0 件到期的没有办完" in purged()
    closure.refresh_from_db()
    assert closure.state == "done"
    assert list(User.objects.all()) == [bob]
    assert "办完了 0 件" in purged()


def test_it_says_what_is_left_and_that_the_purge_is_paused(alice, now):
    leaving(alice, now=now)
    services.pause_purge(by=make_member(is_staff=True), reason="存储故障", now=now)
    said = purged()
    assert "办完了 0 件到期的注销，还有 1 件到期的没有办完" in said
    assert "删除已在后台暂停" in said
    assert User.objects.filter(pk=alice.pk).exists()


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_purge_beside_a_rehearsal_deletes_each_once_and_fails_at_none(now):
    closures = [leaving(make_member(password=None), now=now) for _ in range(30)]
    in_parallel(lambda: services.purge_due(now=now), lambda: services.rehearse_purge(now=now))
    while services.purge_due(now=now):
        pass
    found = Closure.objects.filter(pk__in=[closure.pk for closure in closures])
    assert {(closure.state, closure.error, closure.tally["accounts.User"]) for closure in found} == {("done", "", 1)}
