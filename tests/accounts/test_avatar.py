"""A member's picture of themselves: let in by permission only, kept square and bare, seen by whom they choose."""

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

from accounts import services
from accounts.models import Avatar, Profile
from accounts.services import erasing
from consent import services as consent
from consent.models import Document, Permission
from consent.pictures import AVATAR, LARGEST, square
from tests.factories import agree, picture_file, sign_in

PAGE = "/me/profile/avatar/"
HERE = consent.Origin(ip=None, browser="test")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


@pytest.fixture
def home(alice) -> Client:
    return sign_in(Client(), agree(alice))


def allow(client: Client) -> None:
    digest = Document.objects.current("pictures", timezone.now()).digest
    assert client.post("/me/permissions/pictures/allow/", {"digest": digest}).status_code == 302


def face(**options) -> SimpleUploadedFile:
    return SimpleUploadedFile("IMG_20261120.jpg", picture_file(kind="JPEG", **options).read(), "image/jpeg")


def upload(client: Client, audience: str = "oneself", **options) -> None:
    assert client.post(PAGE, {"picture": face(**options), "audience": audience}).status_code == 302


def address_of(member) -> str:
    return f"/doctors/{Profile.objects.get(member=member).slug}/"


def files(member) -> list[Path]:
    return [path for path in erasing.directory_of(member).rglob("*") if path.is_file()]


def opened_device(member) -> consent.Device:
    """Have a member open pictures on one device."""
    device, moment = consent.Device(member, uuid4()), timezone.now()
    sheet = Document.objects.current("pictures", moment)
    consent.open_permission(device=device, kind="pictures", digest=sheet.digest, origin=HERE, now=moment)
    return device


# ── Letting one in ──


def test_without_permission_it_is_refused_with_the_reason(home, alice):
    page = home.get(PAGE).content.decode()
    assert 'type="file"' not in page
    assert "可以使用相册吗" in page
    answer = home.post(PAGE, {"picture": face(), "audience": "everybody"})
    assert answer.status_code == 403
    assert "这台设备没有打开“相册”权限" in answer.content.decode()
    assert not Avatar.objects.exists()
    assert files(alice) == []


def test_it_is_kept_square_without_anything_hidden(home, alice):
    allow(home)
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    upload(home, size=(1200, 900), exif=exif, comment=b"SecretPlace")
    kept = Avatar.objects.get(member=alice)
    assert re.fullmatch(rf"{alice.media_prefix}/avatar/[0-9a-f]{{32}}\.webp", kept.file.name)
    with kept.file.open() as stored:
        content = stored.read()
    assert b"Secret" not in content
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (AVATAR, AVATAR))
        assert not image.getexif()
    assert kept.audience == "oneself"


def test_a_small_one_is_not_blown_up(home, alice):
    allow(home)
    upload(home, size=(200, 90))
    assert Avatar.objects.get(member=alice).side == 90


def test_the_file_of_the_one_before_goes_at_once(home, alice, django_capture_on_commit_callbacks):
    allow(home)
    upload(home)
    (first,) = files(alice)
    with django_capture_on_commit_callbacks(execute=True):
        upload(home, "members")
    (second,) = files(alice)
    assert first != second
    assert Avatar.objects.get().audience == "members"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>", "这不是 JPEG、PNG 或 WebP 图片"),
        (b"", "文件是空的"),
        (picture_file(kind="JPEG").read()[:-400], "这张图片不完整"),
        (picture_file(kind="JPEG").read().ljust(LARGEST + 1, b"\0"), "超过 10 MB"),
    ],
    ids=["no_picture", "empty", "torn", "too_large"],
)
def test_what_cannot_be_one_is_told_beside_the_field_and_the_old_one_stays(home, alice, content, complaint):
    allow(home)
    upload(home)
    before = files(alice)
    bad = SimpleUploadedFile("a.jpg", content, "image/jpeg")
    page = home.post(PAGE, {"picture": bad, "audience": "members"}).content.decode()
    assert complaint in page
    assert 'aria-invalid="true"' in page
    assert files(alice) == before
    assert Avatar.objects.get().audience == "oneself"


def test_a_file_must_be_chosen_when_there_is_none(home):
    allow(home)
    assert "请选择一张图片" in home.post(PAGE, {"audience": "members"}).content.decode()


@pytest.mark.parametrize("audience", ["everyone", ""])
def test_an_audience_that_does_not_exist_shows_it_to_nobody(home, audience):
    allow(home)
    page = home.post(PAGE, {"picture": face(), "audience": audience}).content.decode()
    assert 'aria-invalid="true"' in page
    assert not Avatar.objects.exists()


# ── For whom ──


@pytest.mark.parametrize(
    ("audience", "for_members", "for_visitors"),
    [("oneself", 404, 404), ("members", 200, 404), ("everybody", 200, 200)],
)
def test_it_is_seen_by_whom_it_is_for(home, alice, bob, audience, for_members, for_visitors):
    allow(home)
    upload(home, audience)
    address = address_of(alice)
    visitors = {home: 200, sign_in(Client(), agree(bob)): for_members, Client(): for_visitors}
    for visitor, status in visitors.items():
        assert visitor.get(f"{address}avatar/").status_code == status
    for visitor in list(visitors)[1:]:
        answer = visitor.get(address)
        assert answer.status_code == visitors[visitor]
        assert (f'src="{address}avatar/"' in answer.content.decode()) == (answer.status_code == 200)


def test_its_audience_changes_without_a_new_file_and_without_the_permission(home, alice):
    allow(home)
    upload(home)
    before = files(alice)
    home.post("/me/permissions/pictures/close/")
    assert home.post(PAGE, {"audience": "everybody"}).status_code == 302
    assert Client().get(f"{address_of(alice)}avatar/").status_code == 200
    assert files(alice) == before


def test_it_is_sent_as_a_picture_that_no_cache_keeps(home, alice):
    allow(home)
    upload(home)
    answer = home.get(f"{address_of(alice)}avatar/")
    assert answer["Content-Type"] == "image/webp"
    assert "private" in answer["Cache-Control"]


@pytest.mark.parametrize("change", [{"closing_at": timezone.now()}, {"is_active": False}])
def test_of_who_leaves_or_is_locked_out_nothing_is_shown(home, alice, change):
    allow(home)
    upload(home, "everybody")
    address = address_of(alice)
    type(alice).objects.filter(pk=alice.pk).update(**change)
    assert Client().get(f"{address}avatar/").status_code == 404
    assert Client().get(address).status_code == 404


def test_nobody_changes_or_removes_somebody_elses(home, alice, bob):
    allow(home)
    upload(home, "everybody")
    assert Client().post(f"{PAGE}remove/")["Location"].startswith("/account/login/")
    other = sign_in(Client(), agree(bob))
    other.post(f"{PAGE}remove/")
    other.post(PAGE, {"audience": "oneself"})
    assert other.post(f"{address_of(alice)}avatar/").status_code == 405
    assert Avatar.objects.get().audience == "everybody"
    assert "现在的头像" not in other.get(PAGE).content.decode()


def test_a_page_with_one_costs_no_more_than_a_page_without(home, alice, queries):
    allow(home)
    home.post("/me/profile/", {"city": "北京", "audience_city": "everybody"})
    address = address_of(alice)
    without = queries(address)
    upload(home, "everybody")
    assert queries(address) == without


# ── Going ──


def test_it_is_removed_with_its_file_and_twice_is_no_mistake(home, alice, django_capture_on_commit_callbacks):
    allow(home)
    upload(home, "everybody")
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            assert home.post(f"{PAGE}remove/").status_code == 302
    assert not Avatar.objects.exists()
    assert files(alice) == []
    assert home.get(f"{address_of(alice)}avatar/").status_code == 404


def test_a_permission_taken_back_while_the_form_was_read_lets_nothing_in(home, alice):
    allow(home)
    Permission.objects.update(state="taken_back")  # the member's own row, read before, does not know it yet
    page = home.post(PAGE, {"picture": face(), "audience": "members"}).content.decode()
    assert "相册权限刚刚被收回" in page
    assert files(alice) == []


@pytest.mark.django_db(transaction=True)
def test_taking_the_permission_back_deletes_it_even_while_it_is_being_replaced(alice):
    device = opened_device(alice)
    began, gate = timezone.now(), Barrier(2)

    def replace() -> None:
        gate.wait(5)
        try:
            services.save_avatar(
                device=device, picture=square(picture_file()), audience="everybody", now=timezone.now()
            )
        except consent.NotPermitted:
            pass
        finally:
            connection.close()

    def withdraw() -> None:
        gate.wait(5)
        consent.close_permission(device=device, kind="pictures", origin=HERE, now=began)
        connection.close()

    services.save_avatar(device=device, picture=square(picture_file()), audience="members", now=began)
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(replace), pool.submit(withdraw)]:
            job.result()
    consent.carry_out_recalls(now=timezone.now() + timedelta(minutes=1))
    assert not Avatar.objects.exists()
    assert files(alice) == []


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_leave_one_picture(alice):
    device = opened_device(alice)
    gate = Barrier(2)

    def save(audience: str) -> None:
        gate.wait(5)
        try:
            services.save_avatar(device=device, picture=square(picture_file()), audience=audience, now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(save, "members"), pool.submit(save, "everybody")]:
            job.result()
    assert Avatar.objects.count() == 1
    assert len(files(alice)) == 1
