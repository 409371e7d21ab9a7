"""我的同意 and what we hold: each says its text, its date and a way back; nobody sees another's."""

from datetime import timedelta

import pytest
from django.test import Client

from consent import inventory, services
from consent.models import Acceptance, Permission
from consent.permissions import Device
from consent.services import Origin
from courses.models import PaymentAccount
from tests.factories import make_order, make_payment_account, sign_in

pytestmark = pytest.mark.django_db
HERE = Origin(ip="203.0.113.9", browser="Chrome")


@pytest.fixture
def door(client, documents, alice):
    return sign_in(client, alice)


def page(client: Client, path: str = "/me/consents/") -> str:
    return client.get(path).content.decode()


def test_a_member_reads_the_exact_text_the_date_and_from_where(door, alice, documents, now):
    services.accept(member=alice, documents=[documents["payment_account"]], origin=HERE, now=now)
    html = page(door)
    assert f'href="{documents["payment_account"].get_absolute_url()}"' in html
    assert "203.0.113.9" in html
    assert "注销账号" in html


def test_nobody_sees_what_another_said(door, bob, documents, now):
    services.accept(member=bob, documents=[documents["payment_account"]], origin=HERE, now=now)
    html = page(door)
    assert "203.0.113.9" not in html
    assert documents["payment_account"].title not in html


def test_taking_back_is_one_click_and_ends_what_rested_on_it(door, alice, bob, documents, now):
    mine, theirs = make_payment_account(member=alice), make_payment_account(member=bob, token="20265215715271617441")
    for member in (alice, bob):
        services.accept(member=member, documents=[documents["payment_account"]], origin=HERE, now=now)
    html = door.post("/me/consents/payment_account/withdraw/", follow=True).content.decode()
    assert "已撤回" in html
    assert PaymentAccount.objects.get(pk=mine.pk).state == "forgetting"
    assert PaymentAccount.objects.get(pk=theirs.pk).state == "live"
    last = Acceptance.objects.for_member(alice).standing(["payment_account"]).get()
    assert last.action == "withdrawn"
    assert Acceptance.objects.for_member(bob).standing(["payment_account"]).get().action == "given"


def test_taking_back_twice_records_it_once(door, alice, documents, now):
    services.accept(member=alice, documents=[documents["payment_account"]], origin=HERE, now=now)
    for _ in range(2):
        assert door.post("/me/consents/payment_account/withdraw/").status_code == 302
    assert Acceptance.objects.for_member(alice).filter(action="withdrawn").count() == 1


def test_taking_back_a_permission_closes_it_on_every_device(door, alice, documents, now):
    for key in ("6356df4d-8742-4806-a274-1abf63033078", "95d5c02b-4fdf-488b-bb07-ee428de47c93"):
        from uuid import UUID

        device = Device(alice, UUID(key))
        sheet = documents["camera"].digest
        services.open_permission(device=device, kind="camera", digest=sheet, origin=HERE, now=now)
    door.post("/me/consents/camera/withdraw/")
    assert not Permission.objects.for_member(alice).open().exists()


@pytest.mark.parametrize("kind", ["agreement", "privacy", "gate", "nothing"])
def test_what_an_account_rests_on_is_not_taken_back_by_this_door(door, kind):
    assert door.post(f"/me/consents/{kind}/withdraw/").status_code == 404


def test_the_page_costs_the_same_for_one_word_and_for_twenty(door, alice, documents, queries, now):
    services.accept(member=alice, documents=[documents["payment_account"]], origin=HERE, now=now)
    few = queries("/me/consents/")
    for hour in range(20):
        later = now + timedelta(hours=hour)
        services.accept(member=alice, documents=[documents["payment_account"]], origin=HERE, now=later)
    queries("/me/consents/")  # looks once whether anything is owed
    assert queries("/me/consents/") == few <= 6


# ── What we hold ──


def test_everybody_reads_every_kind_with_its_clause_and_term(client, documents):
    html = page(client, "/policy/inventory/")
    for entry in inventory.entries():
        assert f"<h3>{entry.name}</h3>" in html
        assert entry.purpose in html
    assert "自完成时间起 3 年" in html or "3 年" in html
    assert "登录以后" in html


def test_a_member_sees_their_own_counts_and_nobody_elses(door, alice, bob):
    for _ in range(3):
        make_order(member=bob)
    make_order(member=alice)
    html = page(door, "/policy/inventory/")
    order = html.split("<h3>订单</h3>")[1].split("</li>")[0]
    assert "<b>1</b>" in order


def test_the_list_costs_one_query_for_counting(door, queries):
    assert queries("/policy/inventory/") <= 3
