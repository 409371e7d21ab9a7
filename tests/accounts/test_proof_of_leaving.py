"""Between the erasing and its proof days may pass, a worker die, a backup be restored, somebody else come along."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection

from accounts import services, tasks
from accounts.models import Closure, Erasure, Message, Profile, ResidueFinding, User
from accounts.models.message import hash_of_destination
from accounts.services import erasing, purge, residue
from tests.accounts.test_purge import cure, leaving, poison
from tests.backups import Backup, told
from tests.canaries import upload
from tests.factories import make_member, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_look")]
MAIL = "lin.gone@example.com"


@pytest.fixture
def said(bob, now) -> Profile:
    User.objects.filter(pk=bob.pk).update(date_joined=now - timedelta(days=30))
    return Profile.objects.create(member=bob, introduction=f"师从 {MAIL}")


@pytest.fixture
def held(said, now) -> Closure:
    """The closure of somebody who is erased, while another member's words hold up the receipt."""
    leaving(make_member(email=MAIL), now=now)
    services.purge_due(now=now)
    closure = Closure.objects.get()
    assert closure.state == "held"
    return closure


def test_a_receipt_is_in_the_ledger_although_its_writer_died_before_it_was_issued(alice, now, monkeypatch):
    leaving(alice, now=now)
    with monkeypatch.context() as patched:
        patched.setitem(purge.WORK, "proof", lambda *_: 1 / 0)
        services.purge_due(now=now)
    with monkeypatch.context() as patched:
        patched.setattr(type(Erasure.objects.all()), "bulk_update", lambda *_args, **_more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tasks.write_ledger()
    services.purge_due(now=now + timedelta(hours=1))
    closure = Closure.objects.get()
    assert closure.state == "done"
    for _ in range(3):
        tasks.write_ledger()
    assert [line["receipt"] for line in told() if "receipt" in line] == [closure.receipt]


def test_whoever_a_backup_brings_back_between_erasing_and_proof_is_searched_for_anew(held, said, bob, now):
    tasks.write_ledger()
    backup = Backup()
    said.delete()
    services.purge_due(now=held.next_attempt_at)
    receipt = Closure.objects.get(state="done").receipt
    tasks.write_ledger()
    backup.restore()
    Profile.objects.create(member=bob, introduction=f"师从 {MAIL}")
    services.reapply_erasures(now=now + timedelta(days=2))
    closure = Closure.objects.get()
    assert (closure.state, closure.receipt) == ("held", receipt)
    assert closure.traces["contacts"]


def test_a_member_who_takes_the_address_over_meanwhile_keeps_what_is_theirs(held, now):
    mate = make_member(date_joined=now - timedelta(days=100))
    EmailAddress.objects.create(user=mate, email=MAIL, verified=False)
    services.send_message(channel="mail", to=MAIL, body="验证码", member=mate, now=now)
    services.purge_due(now=held.next_attempt_at)
    assert EmailAddress.objects.filter(user=mate, email=MAIL).exists()
    assert Message.objects.filter(member=mate, to_hash=hash_of_destination(MAIL)).exists()


def test_a_number_that_a_stranger_only_types_hides_nothing(said, now):
    said.introduction = "电话 13800138000"
    said.save()
    lin = make_member(email=MAIL)
    lin.set_phone("+8613800138000", verified=True)
    lin.save()
    leaving(lin, now=now)
    services.purge_due(now=now)
    stranger = make_member(date_joined=now + timedelta(hours=1))
    stranger.set_phone("+8613800138000", verified=False)
    stranger.save()
    services.purge_due(now=Closure.objects.get().next_attempt_at)
    assert Closure.objects.get().state == "held"
    assert ResidueFinding.objects.undecided().exists()


def test_files_are_in_the_receipt_although_a_neighbour_undid_the_step(alice, bob, now):
    for member in (alice, bob):
        upload(member, "照片")
        leaving(member, now=now)
    poison(bob)
    services.purge_due(now=now)
    cure()
    assert Closure.objects.get(state="done").tally["files"] == 1


def test_one_directory_that_cannot_be_removed_holds_up_nobody_else(alice, bob, now, monkeypatch):
    for member in (alice, bob):
        upload(member, "照片")
        leaving(member, now=now)
    real = shutil.rmtree

    def refuse(tree, *args, **more):
        if str(bob.media_prefix) in str(tree):
            raise PermissionError
        real(tree, *args, **more)

    monkeypatch.setattr(erasing.shutil, "rmtree", refuse)
    assert services.purge_due(now=now) == 1
    assert Closure.objects.get(state="running").member == bob
    assert Closure.objects.get(member=bob).error == "PermissionError"


def test_what_time_was_too_short_for_waits_and_is_told(alice, bob, now, monkeypatch):
    for member in (alice, bob):
        leaving(member, now=now)

    over = purge.monotonic() + 2 * purge.LONGEST_SWEEP

    def outlast(*_args):
        monkeypatch.setattr(purge, "monotonic", lambda: over)
        raise ZeroDivisionError

    monkeypatch.setitem(purge.WORK, "proof", outlast)
    services.purge_due(now=now)
    assert set(Closure.objects.values_list("step", "attempts", "error")) == {("proof", 1, "ZeroDivisionError")}


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_who_decides_while_it_is_searched_is_told_so_and_holds_up_nothing(held, said, now, monkeypatch):
    officer, finding = make_staff(role="个人信息保护负责人"), ResidueFinding.objects.get()
    answers = []

    def decide():
        try:
            services.decide_finding(finding_id=finding.pk, decision="kept", reason="依法", by=officer, now=now)
        except services.BeingSearched as answer:
            answers.append(answer)
        finally:
            connection.close()

    real = residue.search

    def meanwhile(traces):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(decide).result()
        return real(traces)

    monkeypatch.setattr("accounts.services.residue.search", meanwhile)
    services.purge_due(now=held.next_attempt_at)
    assert len(answers) == 1
    assert (Closure.objects.get().state, Closure.objects.get().attempts) == ("held", 0)
