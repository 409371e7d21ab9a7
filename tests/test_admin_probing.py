"""Whoever may see a masked list cannot ask it for the values letter by letter."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse

from accounts.admin import UnguessableAdmin
from consent import inventory
from tests.factories import make_staff, sign_in

pytestmark = pytest.mark.django_db

ABOUT_PEOPLE = [model for model in admin.site._registry if inventory.declaration(model)]


@pytest.fixture
def chief(settings, client):
    settings.STAFF_SECOND_STEP = False
    sign_in(client, make_staff(is_superuser=True))
    return client


def test_every_page_about_people_is_guarded():
    assert get_user_model() in ABOUT_PEOPLE
    assert [model for model in ABOUT_PEOPLE if not isinstance(admin.site._registry[model], UnguessableAdmin)] == []


@pytest.mark.parametrize(
    "question",
    ["password__startswith=argon2", "password__regex=^argon", "email__startswith=a", "email=a@example.com",
     "name__gt=a", "groups__user__password__startswith=a", "phone_hash__isnull=False", "date_joined__gt=2020-01-01"],
)  # fmt: skip
def test_members_cannot_be_asked_about(chief, question):
    assert chief.get(f"/admin/accounts/user/?{question}").status_code == 400


@pytest.mark.parametrize("model", ABOUT_PEOPLE, ids=lambda model: model._meta.label)
def test_no_list_answers_about_a_field_that_it_does_not_offer(chief, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert chief.get(address).status_code == 200
    for field in model._meta.concrete_fields:
        if field.remote_field and field.related_model is get_user_model():
            assert chief.get(f"{address}?{field.name}__password__startswith=a").status_code == 400


def test_its_own_filters_still_work(chief):
    for question in ("is_staff__exact=1", "groups__id__exact=1", "is_active__exact=0"):
        assert chief.get(f"/admin/accounts/user/?{question}").status_code == 200
