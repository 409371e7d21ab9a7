"""A member reads who of the staff looked at their data, and whom it was given to."""

import re
from datetime import timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.looking import owner_of
from accounts.models import Closure, Disclosure, Look
from accounts.services.bundle import write_bundle
from consent import inventory
from tests.canaries import Planter
from tests.factories import (
    agree,
    make_case,
    make_course,
    make_member,
    make_order,
    make_phone_member,
    make_staff,
    say_why,
    sign_in,
)
from tests.terms import expire

pytestmark = pytest.mark.django_db
LOOKS, DISCLOSURES, DESK = "/me/looks/", "/me/disclosures/", "/admin/accounts/disclosure/"
OFFICER = "个人信息保护负责人"
TOLD = {
    "ground": "law",
    "recipient": "某市公安局",
    "purpose": "协助调查",
    "legal_basis": "刑事诉讼法第五十四条，文书〔2026〕12 号",
    "kinds": "手机号、订单号",
}


@pytest.fixture(autouse=True)
def _one_step(settings):
    settings.STAFF_SECOND_STEP = False


@pytest.fixture
def support(documents):
    return make_staff(role="客服", name="客服王伟", email="support@example.com")


@pytest.fixture
def officer(documents):
    return make_staff(role=OFFICER, email="officer@example.com")


@pytest.fixture
def desk(support):
    return sign_in(Client(), support)


@pytest.fixture
def door(client, documents, alice):
    return sign_in(client, agree(alice))


def words(answer) -> str:
    return answer.content.decode()


def look(member, by, now, **more) -> Look | None:
    said = {"what": "账号资料", "page": Look.Page.CONTENT, "reason": ""}
    return services.note_look(member_id=member.pk, by=by, now=now, **{**said, **more})


def disclosure(member, by, now, **more) -> Disclosure:
    return services.propose_disclosure(disclosure=Disclosure(member=member, **{**TOLD, **more}), by=by, now=now)


# ── Who looked ──


def test_whoever_opens_a_member_at_the_desk_is_written_down_by_role_and_the_member_reads_it(desk, door, alice):
    assert "没有工作人员查到过您" in words(door.get(LOOKS))
    assert say_why(desk, alice).status_code == 200
    assert desk.get(f"/admin/accounts/user/{alice.pk}/history/").status_code == 200
    page = words(door.get(LOOKS))
    assert page.count('<td data-label="岗位">客服</td>') == 2
    assert "账号资料</td>" in page
    assert "账号资料（修改历史）</td>" in page
    for private in ("王伟", "support@example.com"):
        assert private not in page
    assert Look.objects.filter(by__email="support@example.com").count() == 2


def test_an_opened_case_and_an_opened_order_say_which_and_why(desk, door, alice, now):
    case, order = make_case(member=alice, now=now), make_order(member=alice)
    assert desk.get(f"/admin/complaints/case/{case.pk}/change/").status_code == 200
    assert desk.get(f"/admin/courses/order/{order.pk}/change/").status_code == 200
    page = words(door.get(LOOKS))
    assert f"投诉与咨询 {case.number}</td>" in page
    assert "处理您的投诉、申诉或咨询</td>" in page
    assert f"订单 {order.number}</td>" in page
    assert "核对订单与付款</td>" in page


@pytest.mark.parametrize("term", ["138 0013 8000", "doctor@example.com", "{pk}"])
def test_a_search_that_finds_one_member_is_written_down(desk, term):
    member = make_phone_member(phone="+8613800138000", email="doctor@example.com")
    page = desk.get("/admin/accounts/user/", {"q": term.format(pk=member.pk)})
    assert f"/admin/accounts/user/{member.pk}/change/" in words(page)
    written = Look.objects.get()
    assert (written.member, written.what) == (member, "在会员列表里按手机号、邮箱或编号查到")


def test_a_search_that_finds_nobody_or_oneself_is_not_written_down(desk, alice, support):
    for question in ({"q": "13912345678"}, {"q": support.email}, {"q": " "}, {"is_staff__exact": 0}):
        assert desk.get("/admin/accounts/user/", question).status_code == 200
    assert not Look.objects.exists()


def test_a_page_that_comes_back_from_a_button_counts_as_well(desk, alice, now):
    case = make_case(member=alice, now=now)
    assert desk.post(f"/admin/complaints/case/{case.pk}/insert_canned/", {"body": ""}).status_code == 200
    assert Look.objects.get().what == f"投诉与咨询 {case.number}"


def test_what_shows_nobodys_data_to_anybody_else_is_not_written_down(desk, door, alice, support):
    desk.get("/admin/accounts/user/")
    desk.get(f"/admin/accounts/user/{support.pk}/change/")
    desk.get("/admin/accounts/user/999999/change/")
    desk.get(f"/admin/accounts/closure/{alice.pk}/change/")
    door.get(f"/admin/accounts/user/{alice.pk}/change/")
    assert not Look.objects.exists()


def test_a_case_of_who_has_no_account_is_nobodys(desk, now):
    assert desk.get(f"/admin/complaints/case/{make_case(now=now).pk}/change/").status_code == 200
    assert not Look.objects.exists()


def test_going_on_looking_is_one_look_and_coming_back_is_another(alice, support, officer, now):
    assert look(alice, support, now)
    assert look(alice, support, now + timedelta(minutes=9)) is None
    assert look(alice, support, now, page=Look.Page.HISTORY)
    assert look(alice, officer, now)
    assert look(alice, support, now + timedelta(minutes=11))
    assert Look.objects.count() == 4


def test_the_role_is_the_one_held_then_and_never_a_name(alice, now):
    both = make_staff(role="财务")
    both.groups.add(*make_staff(role="客服").groups.all())
    roles = [
        look(alice, colleague, now).role
        for colleague in (both, make_member(is_staff=True, is_superuser=True), make_member(is_staff=True))
    ]
    assert [set(role.split("、")) for role in roles] == [{"财务", "客服"}, {"系统管理员"}, {"工作人员"}]


def test_every_kind_of_row_leads_to_its_member(documents, now):
    make_course()
    member = make_member(email="canary@example.com")
    planter = Planter(member, "CanaryWord")
    planter.plant_everything()
    kinds = inventory.entries()
    assert [kind.label for kind in kinds if owner_of(planter.rows[kind.model]) != member.pk] == []


def test_a_look_never_changes_goes_with_its_member_and_outlives_who_looked(alice, bob, support, officer, now):
    written = look(alice, support, now)
    with pytest.raises(ProgrammingError), transaction.atomic():
        Look.objects.update(role="编辑")
    inventory.erase(member_ids=[support.pk])
    written.refresh_from_db()
    assert (written.by, written.role) == (None, "客服")
    look(bob, officer, now)
    inventory.erase(member_ids=[alice.pk])
    assert [one.member for one in Look.objects.all()] == [bob]


def test_each_member_reads_their_own_and_the_pages_take_few_questions(door, alice, bob, support, officer, now, queries):
    look(bob, support, now, what="订单 20260000")
    of_alice = disclosure(alice, support, now)
    services.approve_disclosure(disclosure_id=of_alice.pk, by=officer, now=now)
    of_bob = disclosure(bob, support, now, recipient="某出版社")
    services.approve_disclosure(disclosure_id=of_bob.pk, by=officer, now=now)
    look(alice, support, now)
    assert "订单 20260000" not in words(door.get(LOOKS))
    assert "某出版社" not in words(door.get(DISCLOSURES))
    few = [queries(page) for page in (LOOKS, DISCLOSURES, "/me/")]
    for number in range(20):
        look(alice, support, now, what=f"订单 {number}")
        more = disclosure(alice, support, now)
        services.approve_disclosure(disclosure_id=more.pk, by=officer, now=now)
    assert [queries(page) for page in (LOOKS, DISCLOSURES, "/me/")] == few
    assert max(few) <= 6


def test_ones_own_page_leads_to_both(door):
    page = words(door.get("/me/"))
    assert f'href="{LOOKS}"' in page
    assert f'href="{DISCLOSURES}"' in page


@pytest.mark.parametrize(("page", "name"), [(LOOKS, "谁看过"), (DISCLOSURES, "信息披露记录")])
def test_both_stand_among_the_members_pages_and_are_marked_where_one_is(door, page, name):
    tabs = words(door.get(page)).split('<nav class="tabs', 1)[1].split("</nav>")[0]
    assert re.findall(r'href="([^"]+)" aria-current="page">([^<]+)<', tabs) == [(page, name)]
    assert f'<a class="tabs__link" href="{page}">{name}</a>' in words(door.get("/me/visits/"))


def test_an_officer_reads_who_looked_and_writes_nothing(alice, support, officer, now):
    look(alice, support, now)
    client = sign_in(Client(), officer)
    page = words(client.get("/admin/accounts/look/"))
    assert f"会员 #{support.pk}" in page
    assert "账号资料" in page
    assert client.get("/admin/accounts/look/add/").status_code == 403
    assert sign_in(Client(), support).get("/admin/accounts/look/").status_code == 403


# ── Whom it was given to ──


def approve(client: Client, one: Disclosure) -> str:
    asked = {"action": "approve_selected", "_selected_action": [one.pk]}
    return words(client.post(DESK, asked, follow=True))


def test_one_proposes_another_approves_and_then_the_member_reads_it(desk, door, alice, officer):
    answer = desk.post(f"{DESK}add/", {"member": alice.pk, **TOLD})
    assert answer.status_code == 302
    proposed = Disclosure.objects.get()
    assert (proposed.state, proposed.proposed_by.email) == ("proposed", "support@example.com")
    assert "没有把您的信息披露给任何人" in words(door.get(DISCLOSURES))
    approve(desk, proposed)
    proposed.refresh_from_db()
    assert proposed.is_open, "who only proposes approves nothing"

    assert "已批准，可以提供" in approve(sign_in(Client(), officer), proposed)
    page = words(door.get(DISCLOSURES))
    for said in (*(TOLD[name] for name in ("recipient", "purpose", "legal_basis", "kinds")), "法律规定或机关要求"):
        assert said in page
    assert "officer@example.com" not in page


@pytest.mark.parametrize("field", ["recipient", "purpose", "legal_basis", "kinds"])
def test_a_proposal_that_says_who_it_is_about_is_refused_beside_the_field_and_keeps_what_was_typed(desk, alice, field):
    alice.name = "王爱丽"
    alice.save()
    for said in (f"转给 {alice.email}", "王爱丽医生的订单"):
        page = desk.post(f"{DESK}add/", {"member": alice.pk, **TOLD, field: said})
        assert page.status_code == 200
        assert list(page.context["adminform"].form.errors) == [field]
        assert "不能写出会员的姓名" in words(page)
        assert page.context["adminform"].form[field].value() == said
    assert not Disclosure.objects.exists()


def test_a_member_is_told_nowhere_of_what_nobody_has_approved_yet(door, alice, officer, support, now):
    waiting = disclosure(alice, support, now)
    for page in ("/me/", "/policy/inventory/", DISCLOSURES):
        assert TOLD["recipient"] not in words(door.get(page))
    assert counted(alice) == 0
    assert TOLD["recipient"] not in exported(alice)
    services.approve_disclosure(disclosure_id=waiting.pk, by=officer, now=now)
    assert counted(alice) == 1
    assert TOLD["recipient"] in exported(alice)


def counted(member) -> int:
    return {entry.label: rows for entry, rows in inventory.counts(member_id=member.pk)}.get("accounts.Disclosure", 0)


def exported(member) -> str:
    write_bundle(member, out := BytesIO(), now=timezone.now(), progress=lambda _rows: None)
    archive = ZipFile(out)
    return "".join(archive.read(name).decode() for name in archive.namelist() if "accounts.Disclosure" in name)


def test_nobody_approves_what_they_proposed_or_what_is_about_themselves(alice, officer, support, now):
    own, about_officer = disclosure(alice, officer, now), disclosure(officer, support, now)
    client = sign_in(Client(), officer)
    for one in (own, about_officer):
        assert "要由另一个人批准" in approve(client, one)
    assert not Disclosure.objects.approved().exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        own.approve(by=officer, now=now)


def test_approving_twice_says_so_and_what_was_approved_stays_as_it_was(alice, officer, support, now):
    one = disclosure(alice, support, now)
    client = sign_in(Client(), officer)
    approve(client, one)
    assert "已经批准过" in approve(client, one)
    assert client.get(f"{DESK}{one.pk}/delete/").status_code == 403
    with pytest.raises(ProgrammingError), transaction.atomic():
        Disclosure.objects.update(recipient="别人")


def test_the_page_of_leaving_tells_of_no_proposal(client, alice, officer, support, now):
    one = disclosure(alice, support, now)
    sign_in(client, alice)
    assert "信息披露记录" not in client.get("/me/close/").content.decode()
    services.approve_disclosure(disclosure_id=one.pk, by=officer, now=now)
    assert "信息披露记录" in client.get("/me/close/").content.decode()


def test_a_proposal_can_be_taken_back(alice, officer, support, now):
    one = disclosure(alice, support, now)
    assert sign_in(Client(), support).post(f"{DESK}{one.pk}/delete/", {"post": "yes"}).status_code == 403
    sign_in(Client(), officer).post(f"{DESK}{one.pk}/delete/", {"post": "yes"})
    assert not Disclosure.objects.exists()


def test_a_record_is_kept_three_years_without_a_name_once_its_member_has_left(alice, officer, support, now):
    one = disclosure(alice, support, now - timedelta(days=30))
    services.approve_disclosure(disclosure_id=one.pk, by=officer, now=now)
    waiting = disclosure(alice, support, now)
    inventory.erase(member_ids=[alice.pk])
    one.refresh_from_db()
    assert (one.member, one.recipient) == (None, TOLD["recipient"])
    with pytest.raises(services.AlreadyApproved):
        services.approve_disclosure(disclosure_id=waiting.pk, by=officer, now=now)
    expire(now=now + timedelta(days=3 * 365 - 1))
    assert Disclosure.objects.count() == 2
    expire(now=now + timedelta(days=3 * 366))
    assert not Disclosure.objects.exists()


def test_a_receipt_tells_of_no_proposal_and_none_outlives_its_member(alice, officer, support, now):
    disclosure(alice, support, now)
    kept = disclosure(alice, support, now)
    services.approve_disclosure(disclosure_id=kept.pk, by=officer, now=now)
    services.close_account(member=alice, now=now - timedelta(days=8))
    assert services.purge_due(now=now) == 1
    assert list(Disclosure.objects.all()) == [kept]
    closure = Closure.objects.get()
    assert closure.tally["accounts.Disclosure"] == 1


def test_the_desk_has_no_other_way_to_look_a_number_up(support):
    asked = "?app_label=accounts&model_name=disclosure&field_name=member&term=13800138000"
    assert sign_in(Client(), support).get(f"/admin/autocomplete/{asked}").status_code == 404
    assert not Look.objects.exists()


def test_another_reason_is_another_look(alice, support, now):
    said = {"member_id": alice.pk, "by": support, "what": "x", "page": "content"}
    for reason in ("一", "一", "二"):
        services.note_look(**said, reason=reason, now=now)
    assert list(Look.objects.order_by("pk").values_list("reason", flat=True)) == ["一", "二"]
