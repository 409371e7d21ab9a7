"""The ledger outside the database: written once, kept whole, and forgotten in time."""

import itertools
import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from accounts import services, tasks
from accounts.models import Closure, Erasure
from accounts.models.erasure import hash_of_subject
from accounts.models.message import hash_of_destination
from accounts.services import erasing, ledger, steps
from accounts.services.ledger import writing
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def leave(*members, now) -> None:
    for member in members:
        services.close_account(member=member, now=now)
        services.delete_now(member=member, now=now)
    assert services.purge_due(now=now) == len(members)


def files(settings) -> list[Path]:
    return sorted(Path(settings.LEDGER_DIR).glob("erasures-*.log"))


def differs(now) -> tuple[set, set, list]:
    found = ledger.compare(now=now)
    return found.missing, found.lost, found.damage


def told(settings) -> list[dict]:
    return [json.loads(line) for path in files(settings) for line in path.read_text().splitlines()]


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
    assert first["subject"] == hash_of_subject(subject)
    assert subject.hex not in files(settings)[0].read_text()
    assert first["contacts"] == [hash_of_destination(contact).hex()]
    assert first["steps"] == ["sessions", "release", "files", "caches", "rows"]
    assert contact not in files(settings)[0].read_text()
    assert [oct(files(settings)[0].parent.stat().st_mode)[-3:]] == ["700"]


def test_all_that_waits_is_written_in_one_go(now, settings, monkeypatch):
    monkeypatch.setattr(writing, "AT_ONCE", 2)
    leave(*[make_member() for _ in range(5)], now=now)
    assert tasks.write_ledger() == 5
    assert [line["sequence"] for line in told(settings)] == [1, 2, 3, 4, 5]
    leave(make_member(), now=now)
    assert tasks.write_ledger() == 1
    assert differs(now) == (set(), set(), [])


def test_who_writes_for_long_lets_the_next_beat_go_on(now, monkeypatch):
    monkeypatch.setattr(writing, "AT_ONCE", 2)
    monkeypatch.setattr(writing, "LONGEST_RUN", 15)
    leave(*[make_member() for _ in range(5)], now=now)
    monkeypatch.setattr(writing, "monotonic", itertools.count(step=10).__next__)
    assert [tasks.write_ledger() for _ in range(3)] == [2, 2, 1]
    assert differs(now) == (set(), set(), [])


def test_an_erasure_that_is_rolled_back_leaves_no_row_and_no_line(alice, now, settings, monkeypatch):
    services.close_account(member=alice, now=now)
    services.delete_now(member=alice, now=now)

    def fail(*_args):
        raise OSError("disk")

    monkeypatch.setattr(erasing, "remove_files", fail)  # after its line was written
    monkeypatch.setitem(steps.WORK, "files", lambda _batch, _now: None)
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
    assert differs(now) == (set(), set(), [])


def test_a_line_that_a_crash_cut_off_stops_nothing_and_is_written_anew(alice, bob, now, settings):
    leave(alice, now=now)
    tasks.write_ledger()
    (path,) = files(settings)
    path.write_text(path.read_text()[:-20])
    Erasure.objects.update(sequence=None)
    leave(bob, now=now)
    assert tasks.write_ledger() == 2
    assert {line.number for line in ledger.lines()} == set(Erasure.objects.values_list("number", flat=True))
    assert differs(now) == (set(), set(), [])


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


def test_a_line_has_the_receipt_word_for_word(alice, now, settings):
    leave(alice, now=now)
    tasks.write_ledger()
    closure, (line,) = Closure.objects.get(), told(settings)
    assert (line["receipt"], line["signature"], line["signed_with"]) == (
        closure.receipt,
        closure.signature,
        closure.signed_with,
    )
    assert services.read_receipt(closure).is_valid


def test_a_receipt_that_is_issued_later_has_a_line_of_its_own(alice, now, settings):
    leave(alice, now=now)
    closure = Closure.objects.get()
    receipt = closure.receipt
    Closure.objects.all()._raw_delete("default")
    closure.receipt = ""
    closure.save(force_insert=True)  # done with the erasing, and without a receipt yet
    tasks.write_ledger()
    Closure.objects.update(receipt=receipt)
    for _ in range(2):
        ledger.note_receipts([closure.number], now=now)
    assert tasks.write_ledger() == 1
    erased, issued = told(settings)
    assert (erased["kind"], "receipt" in erased) == ("erased", False)
    assert (issued["kind"], issued["number"], issued["receipt"]) == ("receipt", closure.number, receipt)
    assert "subject" not in issued
    assert differs(now) == (set(), set(), [])


def test_who_stays_is_noted_each_time(alice, now, settings):
    closures = []
    for _ in range(2):
        closures.append(services.close_account(member=alice, now=now))
        services.withdraw_closure(member=alice, now=now)
    tasks.write_ledger()
    assert [(line["kind"], line["number"]) for line in told(settings)] == [
        ("withdrawn", closure.number) for closure in closures
    ]
    assert {line["subject"] for line in told(settings)} == {hash_of_subject(alice.subject)}
    assert not any("contacts" in line or "receipt" in line for line in told(settings))


def test_a_line_of_the_first_kind_is_still_read(alice, now, settings):
    leave(alice, now=now)
    tasks.write_ledger()
    (line,), (path,) = told(settings), files(settings)
    kept = ("sequence", "number", "contacts", "steps", "at")
    path.write_text(json.dumps({**{name: line[name] for name in kept}, "subject": alice.subject.hex}) + "\n")
    (read,) = ledger.lines()
    assert (read.kind, read.subject, read.receipt) == ("erased", hash_of_subject(alice.subject), "")
    assert differs(now) == (set(), set(), [])


def test_any_number_is_noted_by_one_statement(now, django_assert_num_queries):
    def some(prefix: str, count: int) -> list[dict]:
        alike = {"kind": "erased", "subject": "s", "contacts": ["c"], "steps": [], "at": str(now)}
        return [{**alike, "number": f"{prefix}{n}"} for n in range(count)]

    for prefix, count in (("a", 1), ("b", 20)):
        with django_assert_num_queries(1):
            ledger.record(some(prefix, count))
    assert Erasure.objects.filter(kind="erased", sequence=None, contacts=["c"]).count() == 21


def test_a_new_file_has_its_name_on_the_disk_too(now, settings, monkeypatch):
    flushed, real = [], os.fsync

    def watched(place: int) -> None:
        flushed.append(stat.S_ISDIR(os.fstat(place).st_mode))
        real(place)

    monkeypatch.setattr(os, "fsync", watched)
    for number in ("ZX-1", "ZX-2"):
        Erasure.objects.create(number=number, at=now)
        tasks.write_ledger()
    assert flushed == [False, True, True, False]  # the file, its folder, the folder's own name; then the file alone


def test_what_a_file_has_lost_is_written_anew_from_the_rows_into_its_place(now, settings):
    for number in ("ZX-1", "ZX-2", "ZX-3"):
        Erasure.objects.create(number=number, at=now)
        tasks.write_ledger()
    (path,) = files(settings)
    first, second, third = path.read_text().splitlines(keepends=True)
    path.write_text(first + third)
    assert differs(now) == (set(), {("erased", "ZX-2")}, [])
    assert tasks.write_ledger() == 1
    assert path.read_text() == first + third + second
    assert differs(now) == (set(), set(), [])
    assert tasks.write_ledger() == 0
