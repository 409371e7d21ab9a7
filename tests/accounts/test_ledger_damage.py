"""A ledger that cannot be trusted: nobody knows who must not be there, so the site closes, and says what to do."""

import io
import json
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import services, tasks
from accounts.models import Erasure, Message
from accounts.services import ledger, restoring
from config.celery import app as clock
from consent.turns import SPACE
from tests.factories import agree, make_staff, sign_in
from tests.workers import database_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_look")]

OFFICER = "个人信息保护负责人"


@pytest.fixture
def officer(db):
    return make_staff(role=OFFICER, email="officer@example.com")


@pytest.fixture
def written(now, settings) -> Path:
    """A ledger of three lines."""
    for number in ("ZX-1", "ZX-2", "ZX-3"):
        Erasure.objects.create(number=number, at=now)
    assert tasks.write_ledger() == 3
    (path,) = Path(settings.LEDGER_DIR).glob("erasures-*.log")
    assert services.standing() is services.Standing.GOOD
    restoring.look_again()
    return path


def forget(*numbers: str) -> None:
    """Let the database be one that was restored from before."""
    Erasure.objects.filter(number__in=numbers).delete()


def damage(now) -> list[str]:
    return ledger.compare(now=now).damage


def test_a_portal_that_begins_has_nothing_and_misses_nothing(now):
    assert damage(now) == []
    assert tasks.write_ledger() == 0
    assert services.standing() is services.Standing.GOOD


def test_a_disk_that_is_not_mounted_is_no_empty_ledger(written, now):
    forget("ZX-3")
    written.rename(written.with_suffix(".elsewhere"))
    assert damage(now) == [f"{written.name} 不见了"]
    assert services.standing() is services.Standing.DAMAGED
    with pytest.raises(services.LedgerDamaged, match="不见了"):
        services.write_ledger()
    assert not written.exists()  # nothing is written where the disk should be
    written.with_suffix(".elsewhere").rename(written)
    restoring.look_again()
    assert services.standing() is services.Standing.BEHIND


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: b"x" + line,
        lambda line: line.replace(b"ZX", b"Z\xff"),
        lambda line: line[:-20] + b"\n",
    ],
    ids=["a stray letter", "a byte that is no ASCII", "half a line"],
)
def test_a_line_that_nobody_can_read_and_no_row_knows_is_damage(written, now, spoil):
    first, second, third = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(first + spoil(second) + third)
    assert (damage(now), tasks.write_ledger()) == ([], 1)  # its row knows what it said
    assert damage(now) == []
    written.write_bytes(first + spoil(second) + third)
    forget("ZX-2")
    assert damage(now) == ["序号缺 1 个", "1 行读不出来"]
    restoring.look_again()
    assert services.standing() is services.Standing.DAMAGED


def test_a_line_that_is_cut_off_at_the_end_waits_for_its_row_and_is_damage_without(written, now):
    whole = written.read_bytes()
    for length in (5, 14, 60):
        written.write_bytes(whole + b'{"sequence":4,"number":"ZX-4","at":"2026-01-01T00:00:00+00:00","kind":'[:length])
        assert damage(now) == ["1 行读不出来"]
        waits = Erasure.objects.create(number=f"ZX-4{length}", at=now)
        assert damage(now) == []
        assert tasks.write_ledger() == 1
        assert damage(now) == []
        waits.delete()


def test_a_place_that_neither_side_knows_is_damage(written, now):
    first, _second, third = written.read_text().splitlines(keepends=True)
    written.write_text(first + third)
    forget("ZX-2")
    assert damage(now) == ["序号缺 1 个"]


def test_places_of_files_that_have_gone_in_time_are_no_gap(now, settings):
    settings.BACKUP_DAYS = 30
    for number, days in (("ZX-1", 100), ("ZX-2", 80), ("ZX-3", 1)):
        Erasure.objects.create(number=number, at=now - timedelta(days=days))
    tasks.write_ledger()
    ledger.forget_outdated(now=now)
    assert [line.number for line in ledger.lines()] == ["ZX-3"]
    assert damage(now) == []
    assert tasks.write_ledger() == 0


def test_a_file_that_cannot_be_read_is_told_and_stops_no_page_by_an_error(written, now, officer, bob, caplog):
    (written.parent / "erasures-2020-01.log").mkdir()
    assert damage(now) == ["erasures-2020-01.log 读不出来（IsADirectoryError）"]
    assert "ledger.damaged" not in caplog.text
    answer = sign_in(Client(), agree(bob)).get("/me/")
    assert answer.status_code == 503
    assert "网站暂时关闭" in answer.content.decode()
    assert "ledger.damaged" in caplog.text
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["ledger"]) == (503, "ledger is damaged")


def test_staff_come_in_and_read_what_to_do(written, now, officer, settings):
    settings.STAFF_SECOND_STEP = False
    written.write_bytes(b"x" + written.read_bytes())
    forget("ZX-1")
    page = sign_in(Client(), officer).get("/admin/").content.decode()
    assert "处删除账本损坏（1 行读不出来）" in page
    assert "从它的副本放回" in page
    assert "rebuild_ledger" in page


def test_only_staff_are_written_to_meanwhile_and_only_what_they_have_just_asked_for(written, now, officer, alice):
    written.unlink()
    mine = {"channel": "mail", "subject": "x", "body": "x"}
    code = services.send_message(member=officer, to=officer.email, now=now, valid_for=timedelta(minutes=10), **mine)
    old = services.send_message(member=officer, to=officer.email, now=now - timedelta(hours=3), **mine)
    others = services.send_message(member=alice, to=alice.email, now=now, **mine)
    strangers = services.send_message(member=None, to="who@example.com", now=now, **mine)
    assert clock.tasks["accounts.tasks.deliver_due_mail"]() == 1
    assert clock.tasks["accounts.tasks.deliver_due_sms"]() == 0
    assert clock.tasks["accounts.tasks.purge_due_accounts"]() is None
    assert list(Message.objects.exclude(sent_at=None)) == [code]
    assert set(Message.objects.waiting()) == {old, others, strangers}


def test_it_is_rebuilt_from_both_when_somebody_answers_for_it(written, now):
    first, second, third = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(first + b"x" + second + third)
    (written.parent / "erasures-2020-01.log").mkdir()
    forget("ZX-2", "ZX-3")
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("rebuild_ledger", stdout=out)
    call_command("rebuild_ledger", "--there-is-no-copy", stdout=out)
    assert "共 2 行" in out.getvalue()
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    assert [(line["sequence"], line["number"]) for line in lines] == [(4, "ZX-1"), (5, "ZX-3")]
    assert b"x" + second in next(written.parent.glob(f"{written.stem}.*.damaged")).read_bytes()
    assert Erasure.objects.get().sequence == 4
    assert (damage(now), services.standing()) == ([], services.Standing.BEHIND)
    call_command("reapply_erasures", stdout=out)
    assert services.standing() is services.Standing.GOOD
    assert Erasure.objects.get(number="ZX-3").sequence == 5
    assert ledger.forget_outdated(now=now + timedelta(days=300)) == 2
    assert [path.name for path in written.parent.iterdir() if path.is_file()] == []


def test_it_is_rebuilt_in_full_months_and_without_those_that_have_gone(written, now, settings):
    settings.BACKUP_DAYS = 30
    since = ledger.files.kept_since(now)
    for number, at in (("ZX-4", since - timedelta(days=1)), ("ZX-5", since)):
        Erasure.objects.create(number=number, at=at)
    assert tasks.write_ledger() == 2
    ledger.forget_outdated(now=now)
    for path in written.parent.iterdir():
        path.unlink()
    call_command("rebuild_ledger", "--there-is-no-copy", stdout=io.StringIO())
    assert [line.number for line in ledger.lines()] == ["ZX-5", "ZX-1", "ZX-2", "ZX-3"]
    assert (damage(now), tasks.write_ledger()) == ([], 0)
    assert dict(Erasure.objects.values_list("number", "sequence"))["ZX-4"] == 4


def test_while_another_process_writes_nobody_else_does(written, now):
    Erasure.objects.create(number="ZX-4", at=now)
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('accounts.ledger'))", [SPACE])
        assert services.write_ledger() == 0
        with pytest.raises(CommandError, match="没有重写"):
            call_command("rebuild_ledger", "--there-is-no-copy", stdout=io.StringIO())
        other.execute("SELECT pg_advisory_unlock_all()")
    assert services.write_ledger() == 1


def test_reapplying_on_a_damaged_ledger_says_so(written):
    written.unlink()
    with pytest.raises(CommandError, match="删除账本损坏"):
        call_command("reapply_erasures", stdout=io.StringIO())


def test_the_database_being_away_is_no_damage(written, monkeypatch):
    """Nobody is served without it anyway, and it says nothing of the ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before; SET LOCAL statement_timeout = 1")
        monkeypatch.setattr(ledger.comparing.Rows, "read", lambda: cursor.execute("SELECT pg_sleep(1)"))
        assert services.standing() is services.Standing.GOOD
        cursor.execute("ROLLBACK TO before")


# ── What does not get in ──


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_written_is_told_after_ten_minutes(now, officer, settings, caplog):
    settings.LEDGER_DIR.write_text("where the folder should be")
    Erasure.objects.create(number="ZX-1", at=now - timedelta(minutes=9))
    with pytest.raises(FileExistsError):
        tasks.write_ledger()
    assert Client().get("/readyz").json()["parts"]["ledger"] == "ok"
    assert tasks.alarm_unwritten_erasures() == 0
    Erasure.objects.update(at=now - timedelta(minutes=12))
    assert "12 minutes" in Client().get("/readyz").json()["parts"]["ledger"]
    assert [tasks.alarm_unwritten_erasures(), tasks.alarm_unwritten_erasures()] == [1, 0]
    (mail,) = Message.objects.all()
    assert mail.to == officer.email
    assert "1 件注销的结果没有写进删除账本，最早的一件已经 12 分钟" in mail.body
    assert caplog.text.count("ledger.unwritten") == 1


def test_the_desk_says_it_too_and_not_when_all_is_well(now, officer, settings):
    settings.STAFF_SECOND_STEP = False
    client = sign_in(Client(), officer)
    assert "删除账本" not in client.get("/admin/").content.decode()
    Erasure.objects.create(number="ZX-1", at=now - timedelta(minutes=12))
    assert "检查 LEDGER_DIR 能否写入" in client.get("/admin/").content.decode()


def test_a_process_looks_when_it_starts_and_every_minute(written, monkeypatch):
    assert services.standing() is services.Standing.GOOD
    forget("ZX-1")
    assert services.standing() is services.Standing.GOOD
    real = time.monotonic
    monkeypatch.setattr(restoring.time, "monotonic", lambda: real() + 61)
    assert services.standing() is services.Standing.BEHIND


def test_a_line_that_is_being_written_right_now_is_no_damage(written, monkeypatch, now):
    """The files are read before the rows; whoever writes in between has both read anew."""
    real = ledger.comparing.Rows.read

    def written_meanwhile():
        Erasure.objects.create(number="ZX-4", at=now)
        tasks_done.append(services.write_ledger())
        return real()

    tasks_done: list[int] = []
    whole = written.read_bytes()
    written.write_bytes(whole + b'{"sequence":4,"num')
    calls = iter([written_meanwhile, real])
    monkeypatch.setattr(ledger.comparing.Rows, "read", lambda: next(calls, real)())
    assert ledger.compare(now=timezone.now()).damage == []
