"""What a restored backup does: nothing, until whoever had gone is gone again, and whoever stayed stays."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import services, tasks
from accounts.models import Closure, Erasure, Message, User
from accounts.models.erasure import hash_of_subject
from accounts.models.message import hash_of_destination
from config.celery import app as clock
from consent.models import Acceptance
from tests.backups import Backup, leave, told
from tests.factories import agree, make_member, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_look")]


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


def test_reapplying_erases_again_opens_the_site_and_keeps_number_and_place(restored, alice, bob, now):
    before = told()
    out = io.StringIO()
    call_command("reapply_erasures", stdout=out)
    assert out.getvalue().splitlines() == [
        "重新删除了 1 个账号，又核查了一遍，没有遗留",
        "1 个账号备份里没有，只补记了删除，没有可核查的",
    ]
    assert list(User.objects.values_list("pk", flat=True)) == [bob.pk]
    assert told() == before
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
