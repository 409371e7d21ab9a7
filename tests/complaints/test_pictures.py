"""Pictures beside what a member says: let in by permission only, kept without anything hidden, gone when they must."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.services import erasing
from complaints import services
from complaints.models import AT_ONCE, MOST, Case, Entry, Picture
from consent import services as consent
from consent.models import Acceptance, Document, Permission
from consent.pictures import LARGEST, tidy
from tests.factories import attach_pictures, make_case, make_staff, picture_file, sign_in

NEW = "/complaints/new/complaint/"
HERE = consent.Origin(ip=None, browser="test")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


@pytest.fixture
def home(alice) -> Client:
    return sign_in(Client(), alice)


def allow(client, *kinds):
    for kind in kinds:
        digest = Document.objects.current(kind, timezone.now()).digest
        assert client.post(f"/me/permissions/{kind}/allow/", {"digest": digest}).status_code == 302


def photo(name="IMG_20261120.jpg", **options) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture_file(kind="JPEG", **options).read(), "image/jpeg")


def said(**more) -> dict:
    return {"subject": "课程放不出来", "body": "见图。", "form_token": uuid4(), **more}


def page_of(case: Case) -> str:
    return f"/me/complaints/{case.number}/"


def files(member) -> list[Path]:
    return [path for path in erasing.directory_of(member).rglob("*") if path.is_file()]


# ── Only with permission ──


@pytest.mark.parametrize(("field", "name"), [("photo", "相机"), ("pictures", "相册"), ("anything", "相册")])
def test_without_permission_a_picture_is_refused_with_the_reason_and_what_was_typed_stays(home, alice, field, name):
    answer = home.post(NEW, said(body="写了很久的话", **{field: photo()}))
    page = answer.content.decode()
    assert answer.status_code == 403
    assert f"这台设备没有打开“{name}”权限" in page
    assert "写了很久的话" in page
    assert not Case.objects.exists()
    assert files(alice) == []


def test_one_permission_is_not_the_other(home):
    allow(home, "camera")
    assert home.post(NEW, said(pictures=photo())).status_code == 403
    assert home.post(NEW, said(photo=photo())).status_code == 302


@pytest.mark.parametrize("way", ["new", "claimed"])
def test_who_has_not_signed_in_has_no_permissions_and_attaches_nothing(client, way):
    opened = services.open_case(
        kind="complaint",
        subject="一件事",
        body="内容",
        contact=services.Contact(),
        member=None,
        form_token=uuid4(),
        now=timezone.now(),
    )
    address = NEW if way == "new" else f"/complaints/{opened.claim_code}/"
    assert 'type="file"' not in client.get(address).content.decode()
    assert client.post(address, said(seen=1, pictures=photo())).status_code == 403
    assert Entry.objects.count() == 1


def test_a_notice_that_is_passed_on_takes_no_pictures(home):
    allow(home, "pictures")
    address = "/complaints/new/ip_notice/"
    assert "附上照片或图片" not in home.get(address).content.decode()
    home.post(address, said(pictures=photo()))
    assert Case.objects.count() == 1
    assert not Picture.objects.exists()


def test_a_card_inside_the_form_opens_the_permission_and_keeps_what_was_typed(home, alice):
    page = home.get(NEW).content.decode()
    typed = said(body="写了一半", permission="allow:pictures", **hidden_of(page))
    answer = home.post(NEW, typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "写了一半" in page
    assert str(typed["form_token"]) in page
    assert "还没有提交" not in page
    assert 'name="pictures"' in page
    assert 'name="photo"' not in page
    assert not Case.objects.exists()
    assert Acceptance.objects.for_member(alice).about(["pictures"]).get().action == "given"
    assert home.post(NEW, said(pictures=photo())).status_code == 302


def test_a_no_inside_the_form_keeps_what_was_typed_and_is_remembered(home):
    page = home.post(NEW, said(body="写了一半", permission="decline:camera")).content.decode()
    assert "写了一半" in page
    assert "90 天内不再询问" in page
    assert "可以使用相机吗" not in page
    assert "可以使用相册吗" in page


def test_an_answer_under_an_old_sheet_opens_nothing(home):
    page = home.post(NEW, said(permission="allow:pictures", digest_pictures="0" * 64)).content.decode()
    assert "说明有了新版" in page
    assert not Permission.objects.exists()


def test_a_visitors_answer_to_a_card_is_none(client):
    answer = client.post(NEW, {"permission": "allow:pictures"})
    assert "请写下内容" in answer.content.decode()
    assert not Permission.objects.exists()


def test_enter_in_a_field_presses_send_and_no_card(home):
    page = home.get(NEW).content.decode()
    form = page.split('enctype="multipart/form-data"')[1]
    first = re.search(r"<button[^>]*>", form)[0]
    assert 'name="permission"' not in first
    assert "allow:camera" in form


def hidden_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(digest_\w+)" value="(\w+)"', page))


# ── What is kept of one ──


def test_of_the_original_nothing_is_kept_but_what_can_be_seen(home, alice):
    allow(home, "pictures")
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    exif[0x0112] = 6  # turned a quarter
    home.post(NEW, said(pictures=photo(exif=exif, comment=b"SecretPlace")))
    (kept,) = Picture.objects.all()
    assert re.fullmatch(rf"{alice.media_prefix}/complaints/[0-9a-f]{{32}}\.webp", kept.file.name)
    with kept.file.open() as stored:
        content = stored.read()
    assert b"Secret" not in content
    with Image.open(BytesIO(content)) as image:
        assert image.format == "WEBP"
        assert image.size == (kept.width, kept.height) == (360, 640)
        assert not image.getexif()
    assert [path.stat().st_mode & 0o777 for path in files(alice)] == [0o600]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"<html>", "这不是 JPEG、PNG 或 WebP 图片"), (b"", "文件是空的"), (b"GIF89a\x01\x00\x01\x00", "这不是 JPEG")],
)
def test_what_is_no_picture_is_told_beside_the_field(home, alice, content, complaint):
    allow(home, "pictures")
    upload = SimpleUploadedFile("a.jpg", content, "image/jpeg")
    page = home.post(NEW, said(body="写了很久的话", pictures=upload)).content.decode()
    assert f"第 1 张：{complaint}" in page
    assert "写了很久的话" in page
    assert files(alice) == []


def test_a_picture_torn_off_in_the_middle_is_told_beside_the_field(home):
    allow(home, "pictures")
    torn = SimpleUploadedFile("a.jpg", photo().read()[:-400])
    assert "第 2 张：这张图片不完整" in home.post(NEW, said(pictures=[photo(), torn])).content.decode()


def test_a_picture_is_ten_megabytes_at_most(home):
    allow(home, "pictures")
    large = SimpleUploadedFile("a.jpg", photo().read().ljust(LARGEST + 1, b"\0"), "image/jpeg")
    assert "第 1 张：超过 10 MB" in home.post(NEW, said(pictures=large)).content.decode()


def test_six_at_once_from_both_sources_together(home):
    allow(home, "camera", "pictures")
    page = home.post(NEW, said(photo=photo(), pictures=[photo() for _ in range(AT_ONCE)])).content.decode()
    assert "照片和图片一次最多共 6 张" in page
    page = home.post(NEW, said(pictures=[photo() for _ in range(AT_ONCE + 1)])).content.decode()
    assert "一次最多 6 张，选了 7 张" in page
    assert home.post(NEW, said(photo=photo(), pictures=[photo() for _ in range(AT_ONCE - 1)])).status_code == 302
    assert sorted(Picture.objects.values_list("source", flat=True)) == ["camera"] + ["pictures"] * 5


def test_a_case_has_room_for_thirty(home, alice):
    case = make_case(member=alice)
    allow(home, "pictures")
    first = case.entries.get()
    Picture.objects.bulk_create(
        Picture(entry=first, source="pictures", file="x", width=1, height=1, added_at=timezone.now())
        for _ in range(MOST - 1)
    )
    page = home.post(page_of(case), {"body": "还有两张", "seen": 1, "pictures": [photo(), photo()]}).content.decode()
    assert "最多附 30 张" in page
    assert "还有两张" in page
    assert case.entries.count() == 1
    assert home.post(page_of(case), {"body": "还有一张", "seen": 1, "pictures": photo()}).status_code == 302


def test_when_something_else_is_wrong_one_is_told_to_choose_the_pictures_again(home):
    allow(home, "pictures")
    page = home.post(NEW, said(subject="", pictures=photo())).content.decode()
    assert "请用一句话写下是什么事" in page
    assert "请重新选择图片" in page


# ── Twice, and at once ──


def test_the_same_form_sent_twice_is_one_case_and_another_picture_is_another(home):
    allow(home, "pictures")
    typed = said()
    for size in ((640, 360), (640, 360), (320, 200)):
        assert home.post(NEW, {**typed, "pictures": photo(size=size)}).status_code == 302
    assert Case.objects.count() == Picture.objects.count() == 2


def test_the_same_reply_sent_twice_is_one_and_with_another_picture_nothing_is_lost_silently(home, alice):
    case = make_case(member=alice)
    allow(home, "pictures")
    for _ in range(2):
        assert home.post(page_of(case), {"body": "见图", "seen": 1, "pictures": photo()}).status_code == 302
    assert Picture.objects.count() == 1
    page = home.post(page_of(case), {"body": "见图", "seen": 1, "pictures": photo(size=(320, 200))})
    assert "刚刚有了新的内容" in page.content.decode()


def test_a_permission_taken_back_while_the_form_was_read_lets_nothing_in(home, alice):
    case = make_case(member=alice)
    allow(home, "pictures")
    Permission.objects.update(state="taken_back")  # the member's own row, read before, does not know it yet
    page = home.post(page_of(case), {"body": "见图", "seen": 1, "pictures": photo()}).content.decode()
    assert "权限刚刚被收回" in page
    assert "见图" in page
    assert files(alice) == []


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_and_an_upload_at_once_leave_no_picture_behind(alice):
    case = make_case(member=alice)
    (first,) = attach_pictures(case)
    device = consent.Device(alice, Permission.objects.get().device)
    began, gate = timezone.now(), Barrier(2)

    def upload() -> None:
        added = services.Attached(device, [("pictures", tidy(picture_file()))])
        gate.wait(5)
        try:
            services.reply(case_id=case.pk, body="又一张", seen=2, attached=added, now=timezone.now())
        except consent.NotPermitted:
            pass
        finally:
            connection.close()

    def withdraw() -> None:
        gate.wait(5)
        consent.close_permission(device=device, kind="pictures", origin=HERE, now=began)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(upload), pool.submit(withdraw)]:
            job.result()
    consent.carry_out_recalls(now=timezone.now())
    assert not Picture.objects.exists()
    assert files(alice) == []
    assert not first.file.storage.exists(first.file.name)


# ── Who sees one ──


@pytest.fixture
def picture(alice) -> Picture:
    return attach_pictures(make_case(member=alice))[0]


def address_of(picture: Picture) -> str:
    return f"{page_of(picture.entry.case)}pictures/{picture.pk}/"


def test_its_member_sees_it_on_the_page_and_as_a_file(home, picture):
    page = home.get(page_of(picture.entry.case)).content.decode()
    assert f'src="{address_of(picture)}"' in page
    answer = home.get(address_of(picture))
    assert answer["Content-Type"] == "image/webp"
    assert answer["Cache-Control"] == "private, no-cache"
    with picture.file.open() as stored:
        assert b"".join(answer.streaming_content) == stored.read()


def test_nobody_else_sees_or_deletes_it(bob, client, picture):
    assert client.get(address_of(picture))["Location"].startswith("/account/login/")
    sign_in(client, bob)
    own = make_case(member=bob)
    for address in (address_of(picture), f"{page_of(own)}pictures/{picture.pk}/"):
        assert client.get(address).status_code == 404
    assert client.post(f"{address_of(picture)}delete/").status_code == 404
    client.post(f"{page_of(own)}pictures/{picture.pk}/delete/")
    assert Picture.objects.get() == picture
    assert picture.file.storage.exists(picture.file.name)


def test_the_desk_sees_it_with_the_permission_to_read(client, agent, picture):
    address = f"/admin/complaints/case/{picture.entry.case.pk}/pictures/{picture.pk}/"
    sign_in(client, agent)
    assert address in client.get(f"/admin/complaints/case/{picture.entry.case.pk}/change/").content.decode()
    answer = client.get(address)
    assert answer["Content-Type"] == "image/webp"
    assert list(answer.streaming_content)
    other = make_case()
    assert client.get(f"/admin/complaints/case/{other.pk}/pictures/{picture.pk}/").status_code == 404
    sign_in(client, make_staff(role="编辑"))
    assert client.get(address).status_code == 403


def test_twenty_pictures_cost_as_many_queries_as_one(home, alice, client, queries):
    case = make_case(member=alice)
    attach_pictures(case)
    sign_in(client, alice)
    client.get(page_of(case))
    one = queries(page_of(case))
    for _ in range(4):
        attach_pictures(case, sources=["pictures"] * 5)
    assert queries(page_of(case)) == one


# ── And away ──


def test_its_member_deletes_it_at_once_with_its_file_and_twice_is_no_mistake(home, alice, picture):
    for _ in range(2):
        answer = home.post(f"{address_of(picture)}delete/")
        assert answer["Location"] == page_of(picture.entry.case)
    assert not Picture.objects.exists()
    assert files(alice) == []
    assert home.get(address_of(picture)).status_code == 404


def test_taking_the_permission_back_everywhere_deletes_what_came_with_it_and_nothing_else(alice):
    case = make_case(member=alice)
    camera, album = attach_pictures(case, sources=["pictures", "camera"])
    assert (camera.source, album.source) == ("camera", "pictures")
    consent.close_everywhere(member=alice, kind="camera", origin=HERE, now=timezone.now())
    assert consent.carry_out_recalls(now=timezone.now()) == 1
    assert list(Picture.objects.all()) == [album]
    assert [path.name for path in files(alice)] == [Path(album.file.name).name]
    assert case.entries.count() == 2


def test_what_came_after_it_was_opened_again_stays(alice):
    case, now = make_case(member=alice), timezone.now()
    attach_pictures(case, now=now - timedelta(hours=2))
    consent.close_everywhere(member=alice, kind="pictures", origin=HERE, now=now - timedelta(hours=1))
    (newer,) = attach_pictures(case, now=now)
    consent.carry_out_recalls(now=now)
    assert list(Picture.objects.all()) == [newer]


def test_a_file_that_is_gone_already_keeps_no_row_from_going(alice, picture):
    picture.file.storage.delete(picture.file.name)
    consent.close_everywhere(member=alice, kind="pictures", origin=HERE, now=timezone.now())
    assert consent.carry_out_recalls(now=timezone.now()) == 1
    assert not Picture.objects.exists()
