"""What a restored backup does: nothing, until whoever had gone is gone again, and whoever stayed stays."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import services, tasks
from accounts.models import Closure, Erasure, Message, Profile, ResidueFinding, User
from accounts.models.erasure import hash_of_subject
from accounts.models.message import hash_of_destination
from accounts.services import ledger, reapplying, restoring
from accounts.services.ledger.writing import RECEIPT
from config.celery import app as clock
from consent.models import Acceptance
from tests.factories import agree, make_member, make_staff, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_look():
    restoring.look_again()
    yield
    restoring._guard.found = ledger.Comparison()
    restoring.look_again()


def leave(*members, now) -> None:
    for member in members:
        services.close_account(member=member, now=now)
        services.delete_now(member=member, now=now)
    assert services.purge_due(now=now) == len(members)


def told(settings) -> list[dict]:
    paths = sorted(Path(settings.LEDGER_DIR).glob("erasures-*.log"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


class Backup:
    """Rows of a few tables as they were, put back as a restored dump would."""

    def __init__(self, *members: User) -> None:
        self.members = [User.objects.values().get(pk=member.pk) for member in members]
        self.closures = list(Closure.objects.values())
        self.erasures = list(Erasure.objects.values())

    def restore(self) -> None:
        Closure.objects.all()._raw_delete("default")
        Erasure.objects.all().delete()
        Message.objects.all().delete()
        User.objects.filter(pk__in=[row["id"] for row in self.members]).delete()
        Erasure.objects.bulk_create(Erasure(**row) for row in self.erasures)
        User.objects.bulk_create(User(**row) for row in self.members)
        Closure.objects.bulk_create(Closure(**row) for row in self.closures)
        restoring.look_again()


@pytest.fixture
def restored(alice, bob, now):
    """Alice and Carol leave, then a backup from before comes back that knows Alice only; Bob never left."""
    backup = Backup(alice)
    carol = make_member()
    leave(alice, carol, now=now)
    tasks.write_ledger()
    backup.restore()
    return backup


def test_it_closes_the_site_to_members_and_not_to_staff_or_machines(restored, bob):
    client = sign_in(Client(), agree(bob))
    for path in ("/", "/me/", "/courses/", "/account/signup/", "/doctors/x1/"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "网站暂时关闭" in answer.content.decode()
        assert answer["Retry-After"] == "600"
    assert client.post("/complaints/new/complaint/", {"subject": "x"}).status_code == 503
    assert client.get("/healthz").status_code == 200
    assert Client().get("/admin/login/").status_code == 302
    assert Client().get("/account/login/").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["ledger"] == "erasures must be reapplied"


def test_nothing_is_sent_to_members_or_deleted_by_the_clock_meanwhile(restored, bob, now):
    services.send_message(member=bob, channel="mail", to=bob.email, subject="x", body="x", now=now)
    assert clock.tasks["accounts.tasks.deliver_due_mail"]() == 0
    assert clock.tasks["accounts.tasks.purge_due_accounts"]() is None
    assert Message.objects.get(member=bob).sent_at is None
    call_command("reapply_erasures", stdout=io.StringIO())
    assert clock.tasks["accounts.tasks.deliver_due_mail"]() == 1


def test_reapplying_erases_again_opens_the_site_and_keeps_number_and_place(restored, alice, bob, now, settings):
    before = told(settings)
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert out.getvalue().splitlines() == [
        "重新删除了 1 个账号，又核查了一遍，没有遗留",
        "1 个账号备份里没有，只补记了删除，没有可核查的",
    ]
    assert list(User.objects.values_list("pk", flat=True)) == [bob.pk]
    assert told(settings) == before
    numbers = {line["subject"]: (line["number"], line["sequence"]) for line in before}
    known = {one.subject: (one.number, one.sequence) for one in Erasure.objects.all()}
    assert known == numbers
    closure = Closure.objects.get(number=numbers[hash_of_subject(alice.subject)][0])
    assert (closure.state, services.read_receipt(closure).is_valid) == ("done", True)
    assert not services.is_closed()
    assert Client().get("/").status_code == 200


def test_reapplying_twice_does_nothing_twice(restored):
    call_command("reapply_erasures", stdout=io.StringIO())
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert "没有要重做的" in out.getvalue()


def test_a_closure_that_the_backup_knows_is_carried_out_under_its_own_number(alice, now):
    closure = services.close_account(member=alice, now=now)
    backup = Backup(alice)
    services.delete_now(member=alice, now=now)
    services.purge_due(now=now)
    tasks.write_ledger()
    backup.restore()
    assert services.is_closed()
    assert services.reapply_erasures(now=now).erased == 1
    assert (Closure.objects.get().state, Closure.objects.get().number) == ("done", closure.number)


def test_what_cannot_be_erased_keeps_the_site_closed_and_is_told_without_its_data(restored, alice, now):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;"
            " CREATE TRIGGER poisoned BEFORE DELETE ON accounts_user FOR EACH ROW EXECUTE FUNCTION refuse();"
        )
    with pytest.raises(CommandError, match="1 个账号没有删完") as told_of:
        call_command("reapply_erasures", stdout=io.StringIO())
    assert alice.email not in str(told_of.value)
    assert services.is_closed()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poisoned ON accounts_user; DROP FUNCTION refuse()")
    assert services.reapply_erasures(now=now + timedelta(hours=2)).erased == 1
    assert not services.is_closed()


def test_a_pause_that_the_backup_brought_back_is_named_and_ended_by_staff(restored, alice, now):
    chief = make_member(is_staff=True)
    services.pause_purge(by=chief, reason="存储故障", now=now)
    with pytest.raises(services.NotErased, match="请先在后台继续"):
        services.reapply_erasures(now=now)
    assert User.objects.filter(pk=alice.pk).exists()
    services.resume_purge(by=chief, now=now)
    assert services.reapply_erasures(now=now).erased == 1


def test_messages_to_who_had_gone_go_and_a_new_account_of_theirs_stays(alice, now):
    contact = alice.email
    backup = Backup()
    leave(alice, now=now)
    tasks.write_ledger()
    backup.restore()
    old = {"member": None, "channel": "mail", "subject": "x", "body": "x"}
    services.send_message(to=contact, now=now - timedelta(hours=1), **old)
    services.send_message(to=contact, now=now + timedelta(hours=1), **old)
    anew = make_member(email=contact)
    services.reapply_erasures(now=now + timedelta(hours=2))
    assert User.objects.filter(pk=anew.pk).exists()
    assert Message.objects.filter(to_hash=hash_of_destination(contact)).count() == 1


def test_the_chain_of_consents_survives(restored, now):
    before = Acceptance.objects.count()
    services.reapply_erasures(now=now)
    assert Acceptance.objects.count() == before


# ── Who stays ──


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


def test_an_older_closure_is_carried_out_under_the_number_that_was_saved(alice, now, settings):
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
        cache.set("left", alice.email)
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
