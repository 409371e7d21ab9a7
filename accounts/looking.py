"""Which member's data a page of the desk shows: each page about one row, whichever app it belongs to, and each search
that finds one member."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import services
from accounts.models import Look, User
from accounts.reasons import reason_kept
from consent import inventory

View = Callable[..., HttpResponse]
FOUND = "在会员列表里按手机号、邮箱或编号查到"


def note(request: HttpRequest, view: View, answer: HttpResponse, address: Mapping[str, Any]) -> None:
    """Write down that somebody of the staff was shown a member's row; a page that cannot be noted is not shown.

    The member reads as the reason what was said before a page of theirs opened, else what the model's admin says in
    `looked_at_for` its pages are for.
    """
    desk, page = _desk(view)
    if desk is None or answer.status_code != 200:
        return
    found = _found(desk, answer)
    row = found or _row(desk, answer, address)
    member_id = owner_of(row) if row is not None else None
    if member_id is None or member_id == request.user.pk:
        return
    now = timezone.now()
    said = reason_kept(request, member_id=member_id, now=now) if desk.model is User else ""
    services.note_look(
        member_id=member_id,
        by=cast(User, request.user),
        what=FOUND if found else _name(row),
        page=Look.Page.HISTORY if page == "history_view" else Look.Page.CONTENT,
        reason=said or getattr(desk, "looked_at_for", ""),
        now=now,
    )


def _desk(view: Any) -> tuple[ModelAdmin[Any] | None, str]:
    """Find the model's admin that a view belongs to, however it is wrapped, and the view's name there."""
    while view is not None and not isinstance(getattr(view, "__self__", None), ModelAdmin):
        view = getattr(view, "__wrapped__", None)
    return (view.__self__, view.__name__) if view else (None, "")


def _found(desk: ModelAdmin[Any], answer: HttpResponse) -> Any:
    """Return the member whom a search of the members' list has found: who typed a whole number learns whose it is."""
    found = (getattr(answer, "context_data", None) or {}).get("cl")
    if desk.model is not User or not isinstance(found, ChangeList) or not found.query or found.result_count != 1:
        return None
    return next(iter(found.result_list), None)


def _row(desk: ModelAdmin[Any], answer: HttpResponse, address: Mapping[str, Any]) -> Any:
    """Return the row that a page is about, if it is about one that is somebody's; most pages have it at hand."""
    pk = address.get("object_id") or address.get("pk")
    if pk is None or inventory.declaration(desk.model) is None:
        return None
    at_hand = (getattr(answer, "context_data", None) or {}).values()
    shown = (value for value in at_hand if isinstance(value, desk.model) and str(value.pk) == str(pk))
    return next(shown, None) or desk.model._base_manager.filter(pk=pk).first()


def owner_of(row: Any) -> int | None:
    """Return the id of the member whose row this is; of a row without a name there is none."""
    entry = inventory.entry_of(type(row), inventory.declaration(type(row)))
    if entry.owner == "pk":
        return int(row.pk)
    *way, last = entry.owner.split("__")
    try:
        for name in way:
            row = getattr(row, name)
        key = row._meta.get_field(last)
        return getattr(row, key.attname) if key.target_field.primary_key else getattr(row, last).pk
    except (ObjectDoesNotExist, AttributeError):
        return None


def _name(row: Any) -> str:
    """Name a row as the member knows it: by its own number, where it has one."""
    entry = inventory.entry_of(type(row), inventory.declaration(type(row)))
    if entry.owner == "pk":
        return entry.name
    return f"{entry.name} {getattr(row, 'number', None) or f'#{row.pk}'}"
