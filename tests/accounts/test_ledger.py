"""The ledger outside the database, and what a restored backup does: nothing, until whoever had gone is gone again."""

import io
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import services, tasks
from accounts.models import Closure, Erasure, Message, User
from accounts.models.message import hash_of_destination
from accounts.services import erasing, ledger, restoring
from config.celery import app as clock
from consent.models import Acceptance
from tests.factories import agree, make_member, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_look():
    restoring.look_again()
    yield
    restoring._guard.behind = 0
    restoring.look_again()


def leave(*members, now) -> None:
    for member in members:
        services.close_account(member=member, now=now)
        services.delete_now(member=member, now=now)
    assert services.purge_due(now=now) == len(members)


def files(settings) -> list[Path]:
    return sorted(Path(settings.LEDGER_DIR).glob("erasures-*.log"))


def told(settings) -> list[dict]:
    return [json.loads(line) for path in files(settings) for line in path.read_text().splitlines()]


class Backup:
    """Rows of a few tables as they were, put back as a restored dump would."""

    def __init__(self, *members: User) -> None:
        self.members = [User.objects.values().get(pk=member.pk) for member in members]
        self.erasures = list(Erasure.objects.values())

    def restore(self) -> None:
        Closure.objects.all()._raw_delete("default")
        Erasure.objects.all().delete()
        Erasure.objects.bulk_create(Erasure(**row) for row in self.erasures)
        User.objects.bulk_create(User(**row) for row in self.members)
        restoring.look_again()


# ── Writing ──


def test_an_erasure_is_appended_once_and_says_nothing_of_anybody(alice, bob, now, settings):
    contact, subject = alice.email, alice.subject
    leave(alice, now=now)
    assert files(settings) == []
    assert tasks.write_ledger() == 1
    assert tasks.write_ledger() == 0
    leave(bob, now=now)
    tasks.write_ledger()
    first, second = told(settings)
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert first["subject"] == subject.hex
    assert first["contacts"] == [hash_of_destination(contact).hex()]
    assert first["steps"] == list(Closure.Step.values)
    assert contact not in files(settings)[0].read_text()
    assert [oct(files(settings)[0].parent.stat().st_mode)[-3:]] == ["700"]


def test_an_erasure_that_is_rolled_back_leaves_no_row_and_no_line(alice, now, settings, monkeypatch):
    services.close_account(member=alice, now=now)
    services.delete_now(member=alice, now=now)

    def fail(*_args):
        raise OSError("disk")

    monkeypatch.setattr(erasing.inventory, "erase", fail)
    assert services.purge_due(now=now) == 0
    assert not Erasure.objects.exists()
    assert tasks.write_ledger() == 0


def test_a_death_after_the_file_and_before_the_database_writes_no_second_line(alice, now, settings):
    leave(alice, now=now)
    tasks.write_ledger()
    Erasure.objects.update(sequence=None)  # as after a rollback
    assert tasks.write_ledger() == 0
    assert Erasure.objects.get().sequence == 1
    assert len(told(settings)) == 1
    assert services.is_behind() is False


def test_a_line_that_a_crash_cut_off_stops_nothing_and_is_written_anew(alice, bob, now, settings):
    leave(alice, now=now)
    tasks.write_ledger()
    (path,) = files(settings)
    path.write_text(path.read_text()[:-20])
    Erasure.objects.update(sequence=None)
    leave(bob, now=now)
    assert tasks.write_ledger() == 2
    assert {line.subject for line in ledger.lines()} == set(Erasure.objects.values_list("subject", flat=True))
    assert not services.is_behind()


def test_it_is_forgotten_when_no_backup_could_bring_anybody_back(alice, now, settings):
    settings.BACKUP_DAYS = 30
    leave(alice, now=now)
    tasks.write_ledger()
    assert ledger.forget_outdated(now=now + timedelta(days=20)) == 0
    assert len(files(settings)) == 1
    ledger.forget_outdated(now=now + timedelta(days=62))
    assert files(settings) == []
    assert Erasure.objects.exists()
    assert ledger.forget_outdated(now=now + timedelta(days=100)) == 1


# ── A restored backup ──


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


def test_nothing_is_sent_or_deleted_by_the_clock_meanwhile(restored, bob, now):
    services.send_message(member=bob, channel="mail", to=bob.email, subject="x", body="x", now=now)
    assert clock.tasks["accounts.tasks.deliver_due_mail"]() is None
    assert clock.tasks["accounts.tasks.purge_due_accounts"]() is None
    assert Message.objects.get(member=bob).sent_at is None
    call_command("reapply_erasures", stdout=io.StringIO())
    assert clock.tasks["accounts.tasks.deliver_due_mail"]() == 1


def test_reapplying_erases_again_opens_the_site_and_keeps_number_and_place(restored, alice, bob, now, settings):
    before = told(settings)
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert "重新删除了 2 个账号" in out.getvalue()
    assert list(User.objects.values_list("pk", flat=True)) == [bob.pk]
    assert told(settings) == before
    numbers = {line["subject"]: (line["number"], line["sequence"]) for line in before}
    known = {one.subject.hex: (one.number, one.sequence) for one in Erasure.objects.all()}
    assert known == numbers
    closure = Closure.objects.get(number=numbers[alice.subject.hex][0])
    assert (closure.state, services.read_receipt(closure).is_valid) == ("done", True)
    assert not services.is_behind()
    assert Client().get("/").status_code == 200


def test_reapplying_twice_does_nothing_twice(restored):
    call_command("reapply_erasures", stdout=io.StringIO())
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert "没有要重新删除的" in out.getvalue()


def test_a_closure_that_the_backup_knows_is_carried_out_under_its_own_number(alice, now):
    closure = services.close_account(member=alice, now=now)
    row, kept = User.objects.values().get(pk=alice.pk), Closure.objects.values().get(pk=closure.pk)
    services.delete_now(member=alice, now=now)
    services.purge_due(now=now)
    tasks.write_ledger()
    Closure.objects.all()._raw_delete("default")
    Erasure.objects.all().delete()
    User.objects.bulk_create([User(**row)])
    Closure.objects.bulk_create([Closure(**kept)])
    restoring.look_again()
    assert services.is_behind()
    assert services.reapply_erasures(now=now) == 1
    assert Closure.objects.get().state == "done"
    assert Closure.objects.get().number == closure.number


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
    assert services.is_behind()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poisoned ON accounts_user; DROP FUNCTION refuse()")
    assert services.reapply_erasures(now=now + timedelta(hours=2)) == 1
    assert not services.is_behind()


def test_a_pause_that_the_backup_brought_back_is_named_and_ended_by_staff(restored, alice, now):
    chief = make_member(is_staff=True)
    services.pause_purge(by=chief, reason="存储故障", now=now)
    with pytest.raises(services.NotErased, match="请先在后台继续"):
        services.reapply_erasures(now=now)
    assert User.objects.filter(pk=alice.pk).exists()
    services.resume_purge(by=chief, now=now)
    assert services.reapply_erasures(now=now) == 1


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


def test_a_process_looks_when_it_starts_and_every_minute(alice, now, monkeypatch):
    assert not services.is_behind()
    backup = Backup(alice)
    leave(alice, now=now)
    tasks.write_ledger()
    backup.restore()
    restoring._guard.looked_at = time.monotonic()
    assert not services.is_behind()
    real = time.monotonic
    monkeypatch.setattr(restoring.time, "monotonic", lambda: real() + 61)
    assert services.is_behind()


def test_the_chain_of_consents_survives(restored, now):
    before = Acceptance.objects.count()
    services.reapply_erasures(now=now)
    assert Acceptance.objects.count() == before
