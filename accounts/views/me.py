"""我的信息: who one is here, and what is kept."""

from typing import Any

from django.apps import apps
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.phone import masked, masked_email
from consent import inventory
from consent.standing import last_words

# To a member, what Django and allauth keep is part of their account.
ACCOUNT = {"account", "admin", "mfa", "socialaccount", "usersessions"}


@transaction.non_atomic_requests  # two questions that need not agree: no transaction is opened for them
@require_safe
@login_required
def me(request: HttpRequest) -> HttpResponse:
    """Show a member who they are here, what is kept about them and what they agreed to."""
    member: Any = request.user
    shown = {
        "phone": masked(member.phone),
        "email": masked_email(member.email),
        "holdings": holdings(member),
        "acceptances": last_words(member_id=member.pk),
    }
    return render(request, "accounts/me.html", shown)


def holdings(member: User) -> list[tuple[str, list[tuple[str, str, int, str]]]]:
    """Group what is kept about a member: name, purpose, number of rows of each kind, and the page that shows them."""
    groups: dict[str, list[tuple[str, str, int, str]]] = {}
    for entry, number in inventory.counts(member_id=member.pk):
        page = reverse(entry.page) if entry.page else ""
        groups.setdefault(_group_of(entry), []).append((entry.name, entry.purpose, number, page))
    return list(groups.items())


def _group_of(entry: inventory.Entry) -> str:
    app = entry.model._meta.app_label
    return str(apps.get_app_config("accounts" if app in ACCOUNT else app).verbose_name)
