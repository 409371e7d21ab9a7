"""Before a member's own pages open at the desk, somebody of the staff says why; no look is without a reason."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib import admin
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from accounts.models import Look
from consent import inventory
from tests.canaries import Planter
from tests.factories import make_course, make_member, make_staff, say_why, sign_in

pytestmark = pytest.mark.django_db
ABOUT_PEOPLE = [model for model in admin.site._registry if inventory.declaration(model)]


@pytest.fixture
def support(documents, settings):
    settings.STAFF_SECOND_STEP = False
    return make_staff(role="客服", email="support@example.com")


@pytest.fixture
def desk(support):
    return sign_in(Client(), support)


def words(answer) -> str:
    return answer.content.decode()


def pages(member) -> list[str]:
    return [f"/admin/accounts/user/{member.pk}/{page}/" for page in ("change", "history")]


def asks(answer) -> bool:
    return answer.status_code == 302 and "/reason/?next=" in answer.headers["Location"]


def test_every_desk_of_personal_data_says_what_its_pages_are_for():
    silent = [
        model._meta.label
        for model in ABOUT_PEOPLE
        if not re.search("[一-鿿]", getattr(admin.site._registry[model], "looked_at_for", ""))
    ]
    assert silent == []


def test_no_page_of_personal_data_is_looked_at_without_a_reason(documents, settings):
    settings.STAFF_SECOND_STEP = False
    make_course()
    member = make_member(email="canary@example.com")
    planter = Planter(member, "+8613800138000")
    planter.plant_everything()
    client = sign_in(Client(), make_staff(is_superuser=True))
    for model in ABOUT_PEOPLE:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        answer = client.get(reverse(name, args=[planter.rows[model].pk]))
        assert answer.status_code == 200 or asks(answer), model
    say_why(client, member)
    written = Look.objects.exclude(pk=planter.rows[Look].pk)
    assert written.count() == len(ABOUT_PEOPLE)
    assert not written.filter(reason="").exists()


def test_neither_page_opens_before_one_has_said_why(desk, alice):
    for page in pages(alice):
        answer = desk.get(page)
        assert asks(answer)
        asking = words(desk.get(answer.headers["Location"]))
        assert "会员会在“谁看过我的信息”里读到" in asking
        assert alice.email not in asking
        assert "王*" not in asking
    assert not Look.objects.exists()


def test_the_reason_is_what_the_member_reads(desk, client, alice):
    assert "王**" in words(say_why(desk, alice, reason="case"))
    assert Look.objects.get().reason == "处理您的投诉、申诉或咨询"
    assert "处理您的投诉、申诉或咨询</td>" in words(sign_in(client, alice).get("/me/looks/"))


def test_another_reason_is_said_in_ones_own_words(desk, alice):
    say_why(desk, alice, reason="other", words=" 核对重复的账号 ")
    assert Look.objects.get().reason == "核对重复的账号"


@pytest.mark.parametrize(
    ("said", "field", "error"),
    [
        ({"reason": ""}, "reason", "请选择一个理由"),
        ({"reason": "nosy"}, "reason", "nosy"),
        ({"reason": "other", "words": "  "}, "words", "请写明理由"),
        ({"reason": "other", "words": "长" * 101}, "words", "100"),
        ({"reason": "case", "words": "核对账号"}, "words", "请选“其他”"),
    ],
)
def test_what_is_no_reason_opens_nothing_and_says_so_beside_the_field(desk, alice, said, field, error):
    answer = say_why(desk, alice, **said)
    (beside,) = answer.context["form"].errors[field]
    assert error in beside
    page = words(answer)
    assert f'id="id_{field}_error"' in page
    (focused,) = re.findall(r"<input[^>]* autofocus[^>]*>", page)
    assert f'name="{field}"' in focused
    assert asks(desk.get(pages(alice)[0]))
    assert not Look.objects.exists()


def test_it_holds_ten_minutes_for_this_member_and_this_colleague(desk, alice, bob, now):
    with time_machine.travel(now, tick=False):
        say_why(desk, alice)
        assert asks(desk.get(pages(bob)[0]))
        other = sign_in(Client(), make_staff(role="客服"))
        assert asks(other.get(pages(alice)[0]))
    with time_machine.travel(now + timedelta(minutes=9, seconds=59), tick=False):
        assert [desk.get(page).status_code for page in pages(alice)] == [200, 200]
        say_why(desk, bob, reason="breach")
        assert desk.get(pages(alice)[0]).status_code == 200
    with time_machine.travel(now + timedelta(minutes=10), tick=False):
        assert asks(desk.get(pages(alice)[0]))
        say_why(desk, alice, reason="payment")
        assert set(desk.session["looked_at_for"]) == {str(alice.pk), str(bob.pk)}
    reasons = set(Look.objects.of_member(alice).values_list("reason", flat=True))
    assert reasons == {"协助您登录或找回账号", "核对订单、付款或退款"}


def test_one_goes_on_to_the_page_that_was_asked_for_and_nowhere_else(desk, alice, bob):
    asking = f"/admin/accounts/user/{alice.pk}/reason/"
    change, history = pages(alice)
    for wanted, reached in [
        (history, history),
        (f"{change}?_changelist_filters=q%3D1", f"{change}?_changelist_filters=q%3D1"),
        (pages(bob)[0], change),
        (f"//elsewhere.example{change}", change),
        (f"https://elsewhere.example{change}", change),
        ("", change),
    ]:
        answer = desk.post(f"{asking}?{QueryDict.fromkeys(['next'], wanted).urlencode()}", {"reason": "case"})
        assert answer.headers["Location"] == reached


def test_a_form_that_comes_back_is_held_back_and_one_that_is_saved_is_saved(alice, documents, settings):
    settings.STAFF_SECOND_STEP = False
    chief = sign_in(Client(), make_staff(is_superuser=True))
    change = pages(alice)[0]
    assert asks(chief.post(change, {"groups": "nonsense", "is_active": "on"}))
    chief.post(change, {})
    alice.refresh_from_db()
    assert not alice.is_active


def test_ones_own_page_asks_nothing(desk, support):
    assert desk.get(pages(support)[0]).status_code == 200


def test_only_who_may_see_members_is_asked(desk, client, documents, alice):
    assert desk.get("/admin/accounts/user/999999/reason/").status_code == 404
    assert sign_in(client, make_staff()).get(f"/admin/accounts/user/{alice.pk}/reason/").status_code == 403
