"""What a member says about themselves: voluntary, correctable, seen by whom they choose and by nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Audience, Profile, User
from consent.models import Acceptance, Document
from consent.services import Origin
from consent.withdrawal import take_back
from tests.factories import agree, sign_in

pytestmark = pytest.mark.django_db
PAGE = "/me/profile/"
NOWHERE = Origin(ip=None, browser="")
SAID = {
    "name": "王爱丽",
    "hospital": "协和医院",
    "department": "产科",
    "title": "主任医师",
    "city": "北京",
    "introduction": "专注产后出血。\n\n<b>硬件</b>",
}


@pytest.fixture
def door(client, documents, alice):
    return sign_in(client, agree(alice))


@pytest.fixture
def sheet(documents) -> Document:
    return documents["name_publication"]


def form(**more) -> dict:
    return {**SAID, **{f"audience_{name}": "oneself" for name in SAID}, **more}


def for_all(audience: str, **more) -> dict:
    return form(**{f"audience_{name}": audience for name in SAID}, **more)


def consented(sheet: Document) -> dict:
    return {"accept_name_publication": "on", "seen_name_publication": sheet.digest}


def public_page(member: User, visitor: Client | None = None):
    slug = Profile.objects.get(member=member).slug
    return (visitor or Client()).get(f"/doctors/{slug}/")


# ── Saying and correcting ──


def test_everything_is_voluntary_and_for_nobody_else_until_said_so(door, alice):
    assert door.post(PAGE, {"name": "王爱丽"}).status_code == 302
    profile = Profile.objects.get(member=alice)
    assert {profile.audience_of(name) for name in Profile.FIELDS} == {Audience.ONESELF}
    assert public_page(alice).status_code == 404
    assert public_page(alice, door).status_code == 404


def test_a_correction_keeps_no_copy_and_says_when(door, alice):
    door.post(PAGE, form(hospital="第一医院"))
    door.post(PAGE, form(hospital="第二医院"))
    profile = Profile.objects.get(member=alice)
    assert profile.hospital == "第二医院"
    assert "第一医院" not in str(Profile.objects.values().get())
    assert profile.changed["hospital"][:10] == f"{timezone.now():%Y-%m-%d}"
    assert f"{timezone.localtime():%Y 年 %m 月 %d 日}更改" in door.get(PAGE).content.decode()


def test_what_did_not_change_has_no_new_date(alice, now):
    said = {"audience": dict.fromkeys(SAID, "oneself"), "documents": [], "origin": NOWHERE}
    services.save_profile(member=alice, values=SAID, now=now, **said)
    later = now + timedelta(days=3)
    profile = services.save_profile(member=alice, values={**SAID, "city": "上海"}, now=later, **said)
    assert profile.changed["city"] == later.isoformat(timespec="seconds")
    assert profile.changed["hospital"] == now.isoformat(timespec="seconds")


def test_too_long_is_said_beside_the_field_and_what_was_typed_stays(door, alice):
    page = door.post(PAGE, form(hospital="医" * 81, city="成都")).content.decode()
    assert "80" in page
    assert "成都" in page
    assert not Profile.objects.exists()


@pytest.mark.parametrize("audience", ["everyone", "", "members'"])
def test_an_audience_that_does_not_exist_opens_nothing(door, alice, audience):
    door.post(PAGE, form(audience_hospital=audience))
    profile = Profile.objects.filter(member=alice).first()
    assert profile is None or profile.audience_of("hospital") == Audience.ONESELF


# ── Who sees what ──


def test_each_field_is_seen_by_whom_it_is_for(door, alice, bob):
    door.post(PAGE, form(audience_hospital="everybody", audience_city="members"))
    everybody = public_page(alice).content.decode()
    assert "协和医院" in everybody
    assert "北京" not in everybody.split("<footer")[0]
    assert "王爱丽" not in everybody
    assert "妇产科网会员" in everybody
    assert 'content="noindex"' in everybody
    members = public_page(alice, sign_in(Client(), agree(bob))).content.decode()
    assert "<dd>北京</dd>" in members
    assert "主任医师" not in members


def test_an_introduction_is_text_and_never_markup(door, alice):
    door.post(PAGE, form(audience_introduction="everybody"))
    page = public_page(alice).content.decode()
    assert "&lt;b&gt;硬件" in page


def test_the_member_sees_the_page_as_others_do(door, alice):
    door.post(PAGE, form(audience_hospital="everybody", audience_city="members"))
    assert "<dd>北京</dd>" in public_page(alice, door).content.decode()
    slug = Profile.objects.get().slug
    assert "<dd>北京</dd>" not in door.get(f"/doctors/{slug}/?as=everybody").content.decode()


@pytest.mark.parametrize("gone", [{"closing_at": timezone.now()}, {"is_active": False}])
def test_of_who_is_leaving_or_locked_out_there_is_no_page(door, alice, gone):
    door.post(PAGE, form(audience_hospital="everybody"))
    User.objects.filter(pk=alice.pk).update(**gone)
    assert public_page(alice).status_code == 404


def test_a_made_up_address_is_nobodys(documents):
    assert Client().get("/doctors/abcdefghjk/").status_code == 404


def test_one_member_never_writes_into_anothers(door, alice, bob):
    door.post(PAGE, form(member=bob.pk, slug="mine"))
    assert not Profile.objects.filter(member=bob).exists()
    assert Profile.objects.get().slug != "mine"


# ── A public name ──


def test_a_name_is_public_only_by_a_consent_of_its_own(door, alice, sheet):
    refused = door.post(PAGE, form(audience_name="everybody")).content.decode()
    assert "公开姓名需要您单独同意" in refused
    assert not Profile.objects.exists()
    assert door.post(PAGE, form(audience_name="everybody", **consented(sheet))).status_code == 302
    assert "王爱丽" in public_page(alice).content.decode()
    said = Acceptance.objects.for_member(alice).standing(["name_publication"]).get()
    assert (said.action, said.sha256) == ("given", sheet.digest)
    assert "accept_name_publication" not in door.get(PAGE).content.decode(), "said once is enough"
    assert door.post(PAGE, form(audience_name="everybody")).status_code == 302


def test_a_sheet_that_changed_meanwhile_is_shown_anew(door, alice):
    stale = {"accept_name_publication": "on", "seen_name_publication": "0" * 64}
    assert "请阅读新版后重新勾选" in door.post(PAGE, form(audience_name="everybody", **stale)).content.decode()
    assert not Acceptance.objects.for_member(alice).about(["name_publication"]).exists()


def test_a_ticked_box_without_publishing_is_no_consent(door, alice, sheet):
    door.post(PAGE, form(audience_name="members", **consented(sheet)))
    assert not Acceptance.objects.for_member(alice).about(["name_publication"]).exists()


@pytest.mark.parametrize("audience", ["members", "oneself"])
def test_taking_the_name_back_on_the_page_withdraws_the_consent(door, alice, sheet, audience):
    door.post(PAGE, form(audience_name="everybody", **consented(sheet)))
    door.post(PAGE, form(audience_name=audience))
    assert Profile.objects.get().audience_of("name") == audience
    assert Acceptance.objects.for_member(alice).standing(["name_publication"]).get().action == "withdrawn"
    assert public_page(alice).status_code == 404


def test_withdrawing_the_consent_takes_the_name_off_the_page_at_once(door, alice, sheet):
    door.post(PAGE, form(audience_name="everybody", audience_hospital="everybody", **consented(sheet)))
    door.post("/me/consents/name_publication/withdraw/")
    page = public_page(alice).content.decode()
    assert "王爱丽" not in page
    assert "协和医院" in page


def test_a_consent_withdrawn_in_another_tab_is_said_beside_the_field(door, alice, sheet):
    door.post(PAGE, form(audience_name="everybody", **consented(sheet)))
    now = timezone.now()
    take_back(member=alice, kind="name_publication", origin=NOWHERE, now=now)
    with pytest.raises(services.NameNeedsConsent):
        services.save_profile(
            member=alice, values=SAID, audience={"name": "everybody"}, documents=[], origin=NOWHERE, now=now
        )
    assert "公开姓名需要您单独同意" in door.post(PAGE, form(audience_name="everybody")).content.decode()


def test_the_pages_ask_few_questions(door, alice, queries, sheet):
    door.post(PAGE, for_all("everybody", **consented(sheet)))
    assert queries(PAGE) <= 6
    assert queries(f"/doctors/{Profile.objects.get().slug}/") <= 4
