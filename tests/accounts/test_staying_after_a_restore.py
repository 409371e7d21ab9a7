"""After a restore: whoever stayed stays, all others have their days again, and receipts read as they were saved."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client

from accounts import services, tasks
from accounts.models import Closure, Erasure, Message, Profile, ResidueFinding, User
from accounts.services import ledger, reapplying
from accounts.services.ledger.writing import RECEIPT
from tests.backups import Backup, leave
from tests.factories import make_member, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_look")]


def test_who_had_withdrawn_is_not_erased_by_a_backup_from_before(alice, now):
    closure = services.close_account(member=alice, now=now - timedelta(days=6))
    backup = Backup(alice)
    services.withdraw_closure(member=alice, now=now)
    tasks.write_ledger()
    backup.restore()
    assert services.standing() is services.Standing.BEHIND
    later = now + timedelta(days=3)
    assert services.reapply_erasures(now=later) == services.Reapplied(withdrawn=1)
    closure.refresh_from_db()
    assert (closure.state, closure.ended_at) == ("withdrawn", now)
    assert not User.objects.get(pk=alice.pk).is_closing
    assert services.purge_due(now=later + timedelta(days=30)) == 0
    assert not services.is_closed()
    assert not Message.objects.exists()


def test_a_withdrawal_that_the_backup_never_needed_is_only_noted(alice, now):
    backup = Backup(alice)
    services.close_account(member=alice, now=now)
    services.withdraw_closure(member=alice, now=now)
    tasks.write_ledger()
    backup.restore()
    services.close_account(member=alice, now=now + timedelta(hours=1))  # asked anew since: that one stands
    assert services.reapply_erasures(now=now + timedelta(hours=2)).withdrawn == 1
    assert Closure.objects.get().state == "cooling"


def test_who_withdrew_and_left_again_is_erased_under_the_last_number(alice, now):
    first = services.close_account(member=alice, now=now - timedelta(days=2))
    backup = Backup(alice)
    services.withdraw_closure(member=alice, now=now)
    leave(alice, now=now)
    tasks.write_ledger()
    last = Closure.objects.get(state="done")
    backup.restore()
    assert services.reapply_erasures(now=now).lines == 2
    ended = dict(Closure.objects.values_list("number", "state"))
    assert ended == {first.number: "withdrawn", last.number: "done"}
    assert Closure.objects.get(number=last.number).receipt == last.receipt


def test_an_older_closure_is_carried_out_under_the_number_that_was_saved(alice, now):
    services.close_account(member=alice, now=now - timedelta(days=2))
    backup = Backup(alice)
    Erasure.objects.filter(kind="withdrawn").delete()
    Closure.objects.update(state="withdrawn", ended_at=now)  # when withdrawals were not noted yet
    User.objects.update(closing_at=None)
    alice.refresh_from_db()
    leave(alice, now=now)
    tasks.write_ledger()
    last = Closure.objects.get(state="done")
    backup.restore()
    services.reapply_erasures(now=now)
    assert [(c.number, c.state, c.receipt) for c in Closure.objects.all()] == [(last.number, "done", last.receipt)]
    assert not services.is_closed()


def test_nobody_else_is_erased_and_all_have_their_days_again(alice, bob, now, settings):
    due = services.close_account(member=bob, now=now - timedelta(days=8))
    backup = Backup(alice, bob)
    services.withdraw_closure(member=bob, now=now)
    Erasure.objects.all().delete()  # of this the accident left no line
    leave(alice, now=now)
    tasks.write_ledger()
    backup.restore()
    done = services.reapply_erasures(now=now)
    assert (done.erased, done.postponed) == (1, 1)
    due.refresh_from_db()
    assert due.state == "cooling"
    assert due.due_at == due.next_attempt_at >= now + timedelta(days=settings.CLOSURE_COOLING_DAYS)
    (mail,) = Message.objects.all()
    assert mail.to == bob.email
    assert due.number in mail.body
    assert "撤回" in mail.body
    assert services.withdraw_closure(member=bob, now=now + timedelta(days=6)).number == due.number


def test_who_is_given_days_again_hears_of_it_once_a_day_however_often_it_is_tried(restored, bob, now):
    services.close_account(member=bob, now=now)
    Message.objects.all().delete()
    chief = make_member(is_staff=True)
    services.pause_purge(by=chief, reason="存储故障", now=now)
    for _ in range(2):
        with pytest.raises(services.NotErased):
            services.reapply_erasures(now=now)
    assert Message.objects.filter(member=bob).count() == 1


def test_who_was_terminated_is_given_no_time(restored, bob, now):
    final = services.terminate(member=bob, by=make_member(is_staff=True), now=now)
    assert services.reapply_erasures(now=now).postponed == 0
    assert Closure.objects.get(pk=final.pk).due_at == final.due_at


# ── Receipts ──


def receipts() -> dict[str, tuple[str, str, str]]:
    done = Closure.objects.filter(state="done")
    return {number: tuple(said) for number, *said in done.values_list("number", "receipt", "signature", "signed_with")}


def test_receipts_read_as_they_were_saved_whether_the_backup_knows_the_member_or_not(alice, now):
    backup, carol = Backup(alice), make_member()
    leave(alice, carol, now=now)
    tasks.write_ledger()
    before = receipts()
    assert len(before) == 2
    backup.restore()
    services.reapply_erasures(now=now + timedelta(days=1))
    assert receipts() == before
    for number in before:
        assert Client().get(f"/receipts/{number}/").status_code == 200
        assert Client().get(f"/goodbye/{number}/").status_code == 200
        assert services.read_receipt(Closure.objects.get(number=number)).is_valid


def test_a_receipt_that_was_issued_after_the_erasure_comes_back_too(alice, now):
    leave(alice, now=now)
    closure = Closure.objects.get()
    before = receipts()
    Closure.objects.all()._raw_delete("default")
    waiting = Closure(
        number=closure.number,
        state="verifying",
        step="proof",
        erased_at=now,
        requested_at=now,
        due_at=now,
        next_attempt_at=now + timedelta(days=1),
    )
    waiting.save(force_insert=True)
    tasks.write_ledger()
    backup = Backup()
    Closure.objects.update(
        state="done", step="", ended_at=now, **dict(zip(RECEIPT, before[closure.number], strict=True))
    )
    ledger.note_receipts([closure.number], now=now)
    tasks.write_ledger()
    backup.restore()
    assert receipts() == {}
    assert services.standing() is services.Standing.BEHIND
    assert services.reapply_erasures(now=now) == services.Reapplied(receipts=1)
    assert receipts() == before
    assert not services.is_closed()


def test_what_a_last_look_still_finds_lets_nobody_believe_that_all_is_well(restored, alice, monkeypatch):
    real = reapplying.purge.purge_due

    def leaves_something(**said):
        done = real(**said)
        Group.objects.get_or_create(name=alice.email)
        return done

    monkeypatch.setattr(reapplying.purge, "purge_due", leaves_something)
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert "还提到他们的有 1 处" in out.getvalue()
    assert "没有遗留" not in out.getvalue()
    assert alice.email not in out.getvalue()


def test_what_others_say_of_them_is_told_and_decided_about_while_the_site_is_open_again(alice, bob, now):
    officer = make_staff(role="个人信息保护负责人")
    backup = Backup(alice)
    leave(alice, now=now)
    tasks.write_ledger()
    saved = receipts()
    backup.restore()
    Profile.objects.create(member=bob, introduction=f"师从 {alice.email}")
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert "还提到他们的有 1 处" in out.getvalue()
    assert (Closure.objects.get().state, services.is_closed()) == ("held", False)
    finding = ResidueFinding.objects.get()
    services.decide_finding(finding_id=finding.pk, decision="kept", reason="别人的话", by=officer, now=now)
    services.purge_due(now=now)
    assert Closure.objects.get().state == "done"
    assert receipts() == saved
