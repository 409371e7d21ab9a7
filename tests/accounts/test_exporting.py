"""A member takes everything along: complete, theirs alone, for seven days, whatever dies in the middle."""

import hashlib
import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import IntegrityError, OperationalError
from django.template.defaultfilters import date
from django.test import Client
from django.utils import timezone
from django.utils.timezone import localtime

from accounts import services
from accounts.models import Export, User, Visit
from accounts.services import bundle, exporting
from consent import inventory
from tests.accounts.test_signing_in import PASSWORD
from tests.canaries import Planter
from tests.factories import agree, last_code, make_course, make_member, make_order, sign_in
from tests.terms import expire

pytestmark = pytest.mark.django_db
PAGE = "/me/export/"


@pytest.fixture
def door(client, documents, alice):
    return sign_in(client, agree(alice))


def ask(member: User, now=None) -> Export:
    return services.request_export(member=member, now=now or timezone.now())


def build(export: Export, now=None) -> Export:
    services.build_due_exports(now=now or timezone.now())
    export.refresh_from_db()
    return export


def words(answer) -> str:
    return answer.content.decode()


def opened(export: Export) -> ZipFile:
    with export.file.open() as file:
        return ZipFile(BytesIO(file.read()))


def rows_of(archive: ZipFile, label: str) -> list[dict]:
    return json.loads(archive.read(f"data/{label}.json"))


# ── What is in it ──


def test_everything_that_the_inventory_knows_is_in_it_and_the_word_of_every_field(documents, now):
    make_course()
    member = make_member(email="canary@example.com", name="CanaryWord")
    Planter(member, "CanaryWord").plant_everything()
    archive = opened(build(ask(member)))
    manifest = json.loads(archive.read("manifest.json"))
    assert {one["model"] for one in manifest["entries"]} == {entry.label for entry in inventory.entries()}
    told = {entry.label: {c.name for c in bundle.columns_of(entry)} for entry in inventory.entries()}
    for one in manifest["entries"]:
        content = archive.read(one["file"])
        assert (one["size"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        rows = json.loads(content)
        assert len(rows) == one["rows"], one["model"]
        assert all(set(row) == told[one["model"]] for row in rows)
        assert archive.read(f"data/{one['model']}.html").count(b"<tr>") == one["rows"] + 1
    empty = [one["model"] for one in manifest["entries"] if not one["rows"]]
    assert empty == [], "a registered model is missing"


def test_secrets_that_would_open_the_account_are_not_in_it(documents, alice):
    archive = opened(build(ask(alice)))
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert alice.password not in everything
    assert str(alice.media_prefix) not in everything
    for entry in inventory.entries():
        assert entry.withheld <= {f.name for f in entry.model._meta.concrete_fields}, entry.label


def test_somebody_elses_rows_are_in_none_of_its_files(documents, alice, bob, now):
    order = make_order(member=bob)
    Visit.objects.create(member=bob, at=now, path="/bobs-page/")
    archive = opened(build(ask(alice)))
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert order.number not in everything
    assert "/bobs-page/" not in everything
    assert "李波" not in everything


def test_it_is_readable_by_people_and_nothing_in_it_runs(documents, alice, now):
    Visit.objects.create(member=alice, at=now, path="/x/", browser="<script>alert(1)</script>")
    archive = opened(build(ask(alice)))
    page = archive.read("data/accounts.Visit.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "访问记录" in archive.read("index.html").decode()
    assert rows_of(archive, "accounts.Visit")[0]["browser"] == "<script>alert(1)</script>"


def test_programs_read_codes_and_local_times_where_people_read_words(documents, alice, now):
    make_order(member=alice)
    archive = opened(build(ask(alice)))
    (order,) = rows_of(archive, "courses.Order")
    assert order["status"] == "pending"
    assert order["placed_at"].endswith("+08:00")
    page = archive.read("data/courses.Order.html").decode()
    assert "<td>待付款</td>" in page
    assert f"<td>{localtime(now):%Y年%m月%d日}" in page
    (account,) = rows_of(opened(Export.objects.get()), "accounts.User")
    assert account["name"] == "王爱丽"


def test_uploaded_files_lie_beside_the_rows_that_name_them(documents, now):
    member = make_member(email="canary@example.com")
    Planter(member, "CanaryWord").plant_everything()
    archive = opened(build(ask(member)))
    for row in rows_of(archive, "complaints.Picture"):
        assert b"CanaryWord" in archive.read(row["file"])
        assert f'href="../{row["file"]}"' in archive.read("data/complaints.Picture.html").decode()


def test_every_file_in_it_stands_in_the_manifest_with_its_size_and_digest(documents, now):
    member = make_member(email="canary@example.com")
    Planter(member, "CanaryWord").plant_everything()
    archive = opened(build(ask(member)))
    manifest = json.loads(archive.read("manifest.json"))
    told = {one["name"]: one for one in manifest["files"]}
    assert set(told) == set(archive.namelist()) - {"manifest.json"}
    assert len(told) == len(manifest["files"])
    (picture,) = rows_of(archive, "complaints.Picture")
    assert picture["file"] in told
    for name, one in told.items():
        content = archive.read(name)
        assert (one["size"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest()), name
        is_data = name.startswith("data/") and name.endswith(".json")
        assert one.get("rows") == (len(json.loads(content)) if is_data else None), name


# ── One at a time, three a day ──


def test_one_at_a_time(alice, bob, now):
    ask(alice)
    with pytest.raises(services.AlreadyExporting):
        ask(alice)
    ask(bob)
    with pytest.raises(IntegrityError):
        Export.objects.create(member=alice, requested_at=now, next_attempt_at=now)


def test_three_a_day_and_those_that_failed_do_not_count(alice, now):
    for back in (23, 22, 21, 20):
        (failed if back == 22 else ready)(alice, now - timedelta(hours=back))
    with pytest.raises(services.TooManyExports) as refused:
        ask(alice, now)
    assert refused.value.again_at == now + timedelta(hours=1)
    ask(alice, now + timedelta(hours=1, seconds=1))


# ── Whatever dies in the middle ──


def test_a_worker_that_dies_is_replaced_when_its_lease_is_over(documents, alice, now):
    export = ask(alice, now)
    exporting._claim(now)
    assert build(export, now + timedelta(seconds=30)).state == "building"
    assert build(export, now + exporting.LEASE + timedelta(seconds=1)).state == "ready"


def test_the_first_worker_that_wakes_up_late_spoils_nothing(documents, alice, now):
    export = ask(alice, now)
    late = exporting._claim(now)
    build(export, now + exporting.LEASE + timedelta(seconds=1))
    kept = export.sha256
    with pytest.raises(exporting.LeaseLost):
        exporting._build(late)
    export.refresh_from_db()
    assert (export.state, export.sha256) == ("ready", kept)
    assert len(list(Path(settings.MEDIA_ROOT).rglob("*.zip"))) == 1


def test_a_failure_is_tried_again_and_then_told_with_its_reason_and_a_way_on(door, alice, monkeypatch):
    export = ask(alice)

    def broken(*_args, **_kwargs):
        raise OperationalError("password=secret")

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "write_bundle", broken)
        moment = timezone.now()
        for _ in range(exporting.PATIENCE):
            moment += timedelta(minutes=5)
            build(export, moment)
    assert (export.state, export.error) == ("failed", "数据库暂时没有应答")
    page = door.get(PAGE).content.decode()
    assert "数据库暂时没有应答" in page
    assert "重试" in page
    door.post(f"{PAGE}{export.token}/retry/")
    export.refresh_from_db()
    assert (export.state, export.error) == ("waiting", "")
    assert build(export).state == "ready"


def test_an_export_that_every_worker_dies_on_fails_with_its_reason_and_a_way_on(door, alice, bob, now):
    export = ask(alice, now)
    for _ in range(exporting.PATIENCE):
        assert exporting._claim(now).pk == export.pk
        now += exporting.LEASE + timedelta(seconds=1)
    others = ask(bob, now)
    assert build(export, now).state == "failed"
    assert exporting._claim(now).pk == others.pk, "it stands in nobody's way"
    page = words(door.get(PAGE))
    assert "服务器几次中途停下" in page
    assert "没有成功的不算" in page
    assert exporting._claim(now + timedelta(days=1)).pk == others.pk, "nobody begins on it again by themselves"

    door.post(f"{PAGE}{export.token}/retry/")
    assert build(export).state == "ready"
    assert export.attempts == 1
    assert "服务器几次中途停下" not in words(door.get(PAGE))


def ready(member: User, asked_at) -> Export:
    return Export.objects.create(
        member=member,
        requested_at=asked_at,
        ended_at=asked_at,
        next_attempt_at=asked_at,
        state="ready",
        file="x",
        size=1,
    )


def failed(member: User, asked_at) -> Export:
    return Export.objects.create(
        member=member, requested_at=asked_at, ended_at=asked_at, next_attempt_at=asked_at, state="failed", error="x"
    )


def test_our_failures_take_nothing_from_a_member_s_three_and_a_retry_gives_no_fourth(door, alice, now):
    hour = timedelta(hours=1)
    ours = [failed(alice, now - back * hour) for back in (30, 20, 10)]
    door.post(f"{PAGE}{ours[0].token}/retry/")
    assert build(ours[0]).state == "ready"
    ready(alice, now - 2 * hour)
    assert build(ask(alice)).state == "ready", "failures of ours are none of the three"

    answer = door.post(f"{PAGE}{ours[1].token}/retry/", follow=True)
    assert "24 小时之内最多 3 份" in words(answer)
    ours[1].refresh_from_db()
    assert ours[1].state == "failed"
    door.post(f"{PAGE}{ours[0].token}/retry/")
    ours[0].refresh_from_db()
    assert ours[0].state == "ready", "what is ready stays as it is"


def test_a_full_disk_leaves_no_file_behind(documents, alice, monkeypatch):
    export = ask(alice)

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    build(export)
    assert (export.state, export.error) == ("waiting", "存储空间暂时写不进去")
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.zip"))


def test_who_leaves_meanwhile_gets_no_file_that_nobody_would_remove(documents, alice, now):
    export = ask(alice, now)
    claimed = exporting._claim(now)
    User.objects.filter(pk=alice.pk).update(closing_at=now)
    with pytest.raises(exporting.LeaseLost):
        exporting._build(claimed)
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.zip"))
    assert build(export, now + timedelta(hours=1)).state == "building", "nobody begins on it again"


# ── The page ──


def test_the_password_is_asked_first_and_the_bar_follows(door, alice):
    wrong = door.post(PAGE, {"password": "not my password"}).content.decode()
    assert "密码不正确" in wrong
    assert not Export.objects.exists()
    assert door.post(PAGE, {"password": PASSWORD})["Location"] == PAGE
    page = door.get(PAGE).content.decode()
    assert "<progress" in page
    token = Export.objects.get().token
    assert door.get(f"{PAGE}{token}/state/").json() == {"state": "waiting", "done": 0, "total": 0}
    services.build_due_exports(now=timezone.now())
    page = door.get(PAGE).content.decode()
    assert f"{PAGE}{token}/download/" in page


def test_who_has_no_password_proves_it_with_a_code_for_this_very_act(client, documents):
    member = agree(make_member(email="nobody@example.com"))
    member.set_unusable_password()
    member.save()
    door = sign_in(client, member)
    door.post("/me/prove/close/", {"channel": "mail"})
    code = last_code("nobody@example.com")
    assert door.post(PAGE + "?with=code", {"code": code}).status_code == 200, "that was sent for leaving"
    assert not Export.objects.exists()


def test_a_code_that_was_sent_for_it_says_so_and_opens_it(client, documents):
    from tests.factories import last_message

    member = agree(make_member(email="nobody@example.com"))
    member.set_unusable_password()
    member.save()
    door = sign_in(client, member)
    door.post("/me/prove/export/", {"channel": "mail"})
    assert "您正在导出个人信息" in last_message("nobody@example.com").body
    assert door.post(PAGE + "?with=code", {"code": last_code("nobody@example.com")}).status_code == 302
    assert Export.objects.get().member == member


def test_an_unknown_act_needs_no_code(door):
    assert door.post("/me/prove/anything/", {"channel": "mail"}).status_code == 404


def test_a_fourth_within_a_day_is_refused_beside_the_form_with_the_hour(door, alice, now):
    for _ in range(3):
        ready(alice, now)
    page = door.post(PAGE, {"password": PASSWORD}).content.decode()
    assert "24 小时之内最多 3 份" in page


def test_the_archive_is_handed_to_its_owner_alone(door, bob, alice):
    export = build(ask(alice))
    path = f"{PAGE}{export.token}/download/"
    answer = door.get(path)
    content = b"".join(answer.streaming_content)
    assert hashlib.sha256(content).hexdigest() == export.sha256
    assert len(content) == export.size
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith('attachment; filename="fuchanke-')
    assert "no-cache" in answer["Cache-Control"] or "no-store" in answer["Cache-Control"]
    stranger = sign_in(Client(), agree(bob))
    for way in (path, f"{PAGE}{export.token}/state/"):
        assert stranger.get(way).status_code == 404
        assert Client().get(way).status_code == 302
    assert stranger.post(f"{PAGE}{export.token}/retry/").status_code == 404


def test_the_seven_days_run_from_when_it_is_ready_on_the_page_at_the_link_and_for_the_clock(door, alice, now):
    asked_at = now - timedelta(days=7, minutes=1)  # the queue was long, or our workers were down
    export = build(ask(alice, asked_at))
    assert now <= export.ended_at <= timezone.now()
    path = f"{PAGE}{export.token}/download/"
    assert f"可以下载到 {date(localtime(export.ended_at + timedelta(days=7)), 'n月j日 H:i')}" in words(door.get(PAGE))
    expire(now=timezone.now())
    assert door.get(path).status_code == 200

    minute = timedelta(minutes=1)
    Export.objects.update(ended_at=timezone.now() - timedelta(days=7) + minute)
    expire(now=timezone.now())
    assert door.get(path).status_code == 200
    Export.objects.update(ended_at=timezone.now() - timedelta(days=7) - minute)
    assert door.get(path).status_code == 404, "also before the clock has come by"
    assert path not in words(door.get(PAGE))
    expire(now=timezone.now())
    assert not Export.objects.exists()
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.zip"))


def test_one_that_still_waits_after_a_week_is_shown_and_stays(door, alice, now):
    ask(alice, now - timedelta(days=8))
    expire(now=now)
    assert "<progress" in words(door.get(PAGE))


def test_the_page_takes_few_questions_whatever_there_is(door, alice, now, queries):
    few = queries(PAGE)
    for hours in range(30):
        failed(alice, now - timedelta(hours=hours))
    assert queries(PAGE) == few <= 6
