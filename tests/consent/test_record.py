"""The chain: nobody waits for it, nobody is named in it, and whoever touches a line breaks it."""

from datetime import timedelta
from io import StringIO
from threading import Barrier, Thread
from uuid import uuid4

import pgtrigger
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from structlog.testing import capture_logs

from accounts import services as accounts
from consent import services, tasks
from consent.models import Acceptance, Document, Evidence, Link
from consent.services import Origin
from consent.services.record import GENESIS, heads_file
from tests.factories import make_document, make_member

pytestmark = pytest.mark.django_db
ORIGIN = Origin(ip="203.0.113.9", browser="Chrome")


@pytest.fixture
def text(now):
    return make_document(kind="payment_account", effective_at=now - timedelta(days=30))


def say(member, text, now, times=1):
    for _ in range(times):
        services.accept(member=member, documents=[text], origin=ORIGIN, now=now)


def verify() -> str:
    out = StringIO()
    call_command("verify_consents", stdout=out)
    return out.getvalue()


def tamper(**changes) -> None:
    """Change a line as somebody would who may switch the triggers off."""
    with pgtrigger.ignore("consent.Acceptance:acceptances_are_only_added"):
        assert Acceptance.objects.filter(link__sequence=2).update(**changes)


# ── Adding ──


def test_a_line_is_in_the_chain_after_the_clock_has_passed(alice, text, now):
    say(alice, text, now, times=3)
    assert "0 条相连" in verify()
    assert "3 条刚写入" in verify()
    assert tasks.seal_record() == 3
    assert tasks.seal_record() == 0
    first, second, third = Link.objects.order_by("sequence")
    assert (first.sequence, first.previous) == (1, GENESIS)
    assert (second.previous, third.previous) == (first.digest, second.digest)
    assert verify().startswith("3 条相连，末尾摘要 " + third.digest)


def test_every_way_of_saying_something_is_a_line(alice, text, now):
    gate = make_document(kind="gate", effective_at=now - timedelta(days=30))
    say(alice, text, now)
    services.withdraw(member=alice, kind="payment_account", origin=ORIGIN, now=now + timedelta(seconds=1))
    services.refuse(member=alice, kinds=["payment_account"], origin=ORIGIN, now=now + timedelta(seconds=2))
    services.acknowledge(subject=uuid4(), document=gate, origin=ORIGIN, now=now + timedelta(seconds=3))
    said = Acceptance.objects.order_by("at").values_list("action", "sha256")
    assert list(said) == [
        ("given", text.digest),
        ("withdrawn", text.digest),
        ("refused", text.digest),
        ("acknowledged", gate.digest),
    ]


def test_a_line_that_became_visible_late_is_sealed_too(alice, text, now):
    say(alice, text, now, times=2)
    late = Acceptance.objects.order_by("pk")[0]
    on_time = Acceptance.objects.order_by("pk")[1]
    services.record._seal(Acceptance.objects.filter(pk=on_time.pk))
    assert tasks.seal_record() == 1
    assert late.link.sequence == 2
    verify()


@pytest.mark.django_db(transaction=True)
def test_two_clocks_seal_every_line_once(now):
    text, alice = make_document(kind="payment_account"), make_member()
    say(alice, text, now, times=40)
    ready = Barrier(3)

    def seal() -> None:
        ready.wait()
        tasks.seal_record()
        connection.close()

    threads = [Thread(target=seal) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tasks.seal_record()
    assert Link.objects.count() == 40
    assert verify().startswith("40 条相连")


@pytest.mark.django_db(transaction=True)
def test_nobody_who_signs_up_waits_for_somebody_who_has_not_finished(now):
    """A transaction that added a line and stays open keeps no other from adding theirs."""
    text, alice, bob = make_document(kind="payment_account"), make_member(), make_member()
    done = []

    def add() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        say(bob, text, now)
        done.append(True)
        connection.close()

    with transaction.atomic():
        say(alice, text, now)
        other = Thread(target=add)
        other.start()
        other.join()
    assert done == [True]


# ── Never changing ──


@pytest.mark.parametrize(("model", "field"), [(Acceptance, "action"), (Link, "digest")])
def test_a_line_is_neither_edited_nor_deleted(model, field, alice, text, now):
    say(alice, text, now)
    tasks.seal_record()
    for write in (lambda: model.objects.all()._raw_delete("default"), lambda: model.objects.update(**{field: "x"})):
        with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
            write()
    assert model.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [{"action": "withdrawn"}, {"subject_id": uuid4()}, {"sha256": "0" * 64}, {"kind": "camera"}],
    ids=["what was said", "by whom", "about which text", "about what"],
)
def test_a_changed_line_is_named_as_the_first_broken_link(alice, text, now, changes):
    say(alice, text, now, times=4)
    tasks.seal_record()
    tamper(**changes)
    with pytest.raises(CommandError, match="第 2 条：内容与摘要不符"):
        verify()


def test_a_line_dated_back_is_noticed(alice, text, now):
    say(alice, text, now, times=3)
    tasks.seal_record()
    tamper(at=now - timedelta(days=1))
    with pytest.raises(CommandError, match="第 2 条"):
        verify()


def test_a_missing_link_is_named(alice, text, now):
    say(alice, text, now, times=3)
    tasks.seal_record()
    with pgtrigger.ignore("consent.Link:links_are_only_added"):
        Link.objects.filter(sequence=2)._raw_delete("default")
    with pytest.raises(CommandError, match="第 2 条：缺少一条"):
        verify()


# ── Outside the database ──


def test_the_head_is_written_down_outside_once_a_day(alice, text, now):
    say(alice, text, now)
    assert services.write_head(now=now)
    assert not services.write_head(now=now + timedelta(minutes=1))
    say(alice, text, now)
    assert services.write_head(now=now + timedelta(days=1))
    days, sequences, digests = zip(*(line.split() for line in heads_file().read_text().splitlines()), strict=True)
    assert len(set(days)) == 2
    assert sequences == ("1", "2")
    assert list(digests) == list(Link.objects.order_by("sequence").values_list("digest", flat=True))


def test_a_broken_chain_gets_no_new_head_and_raises_the_alarm(alice, text, now):
    say(alice, text, now, times=3)
    tasks.seal_record()
    tamper(action="withdrawn")
    with capture_logs() as logs:
        assert not services.write_head(now=now)
    assert [(one["event"], one["sequence"], one["log_level"]) for one in logs] == [
        ("consent.record_broken", 2, "error")
    ]
    assert not heads_file().exists()


@pytest.mark.parametrize("change", [{"body": "别的话。"}, {"manifest": [{"purpose": "别的用途"}]}])
def test_a_text_that_was_changed_afterwards_is_noticed(alice, now, change):
    promise = {"clause": "一1", "anchor": "c1", "purpose": "登录", "data": []}
    text = make_document(kind="payment_account", manifest=[promise])
    say(alice, text, now)
    tasks.seal_record()
    verify()
    with pgtrigger.ignore("consent.Document:documents_never_change"):
        Document.objects.filter(pk=text.pk).update(**change)
    with pytest.raises(CommandError, match="第 1 条：所指的文本与当时的不符"):
        verify()


def test_an_empty_record_has_no_head(now):
    assert not services.write_head(now=now)
    assert "0 条相连" in verify()


def test_a_chain_that_was_made_anew_does_not_fit_what_was_written_down(alice, text, now):
    say(alice, text, now, times=3)
    services.write_head(now=now)
    with pgtrigger.ignore("consent.Link:links_are_only_added", "consent.Acceptance:acceptances_are_only_added"):
        Link.objects.all()._raw_delete("default")
        Acceptance.objects.update(action="withdrawn")
    tasks.seal_record()
    with pytest.raises(CommandError, match="第 3 条：与数据库之外记下的摘要不符"):
        verify()


def test_a_chain_whose_end_was_cut_off_is_noticed(alice, text, now):
    say(alice, text, now, times=3)
    services.write_head(now=now)
    with pgtrigger.ignore("consent.Link:links_are_only_added"):
        Link.objects.filter(sequence=3)._raw_delete("default")
    with pytest.raises(CommandError, match="第 3 条：数据库之外记下的摘要更长"):
        verify()


def test_a_line_of_the_file_that_a_crash_cut_off_stops_nothing(alice, text, now):
    say(alice, text, now)
    services.write_head(now=now)
    with heads_file().open("a") as file:
        file.write("2026-12-0")
    assert verify().startswith("1 条相连")


# ── After somebody has left ──


def test_the_chain_holds_after_an_erasure_and_points_at_nobody(alice, bob, text, now):
    for member in (alice, bob):
        say(member, text, now)
    tasks.seal_record()
    before, subject = verify(), alice.subject
    accounts.close_account(member=alice, now=now - timedelta(days=8))
    accounts.purge_due(now=now)
    assert verify() == before
    left = Acceptance.objects.get(subject_id=subject)
    assert not Evidence.objects.filter(acceptance=left).exists()
    assert Evidence.objects.get().acceptance.subject == bob


def test_a_line_says_nothing_of_a_person_but_a_random_number():
    told = {f.attname for f in Acceptance._meta.concrete_fields}
    assert told == {"id", "subject_id", "document_id", "kind", "sha256", "action", "at"}
