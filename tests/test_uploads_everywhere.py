"""No file of a member is let in without a permission: every address is offered one, in every field that takes any."""

import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Profile
from accounts.services import erasing
from tests.factories import agree, make_case, picture_file, sign_in
from tests.test_house import addresses, fill

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]
FIELDS = ("picture", "pictures", "photo", "file", "avatar", "anything")


def kept(member) -> list[Path]:
    return [path for path in erasing.directory_of(member).rglob("*") if path.is_file()]


def test_no_address_keeps_a_file_that_came_without_permission(alice, settings, tmp_path):
    settings.DEMO_INBOX_DIR = tmp_path
    case = make_case(member=agree(alice))
    slug = Profile.objects.create(member=alice).slug
    known = {"number": case.number, "slug": slug, "kind": "complaint"}
    content, asked = picture_file().read(), 0
    for name, route in sorted(set(addresses())):
        if name.startswith("admin:") or not route:
            continue
        client = sign_in(Client(raise_request_exception=False), alice)
        files = {field: SimpleUploadedFile("a.png", content, "image/png") for field in FIELDS}
        said = {"subject": "一件事", "body": "内容", "seen": 1, "audience": "everybody", "name": "王爱丽"}
        client.post(fill(route, known), {**said, **files})
        asked += 1
        assert kept(alice) == [], name
    assert asked > 50


def test_every_page_that_offers_a_file_to_choose_does_so_by_permission_only(alice):
    client = sign_in(Client(), agree(alice))
    slug = Profile.objects.create(member=alice).slug
    known = {"number": make_case(member=alice).number, "slug": slug, "kind": "complaint"}
    for name, route in sorted(set(addresses())):
        if not name.startswith("admin:"):
            page = client.get(fill(route, known))
            if "text/html" in page.headers.get("Content-Type", "") and not page.streaming:
                assert not re.search(r'type="file"', page.content.decode()), name
