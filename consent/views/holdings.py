"""What we hold and how long: the inventory, for everybody to read."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consent import inventory
from consent.asking import stays_open

CLAUSES = "前一二三四五"
PARTS = {
    "前": "前言",
    "一": "一、适用范围",
    "二": "二、信息使用",
    "三": "三、信息披露",
    "四": "四、信息安全",
    "五": "五、信息存储和离开",
}


@stays_open
@require_safe
def holdings(request: HttpRequest) -> HttpResponse:
    """List every kind of data by clause; who is signed in sees how much of each is theirs."""
    own: dict[str, int] | None = None
    if request.user.is_authenticated:
        own = {entry.label: rows for entry, rows in inventory.counts(member_id=request.user.pk)}
    entries = sorted(inventory.entries(), key=lambda entry: (CLAUSES.find(entry.clause[0]), entry.clause, entry.name))
    parts: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        parts.setdefault(PARTS[entry.clause[0]], []).append(_row(entry, own))
    most = max(own.values(), default=0) if own else 0
    return render(request, "consent/inventory.html", {"parts": list(parts.items()), "own": own, "most": most})


def _row(entry: inventory.Entry, own: dict[str, int] | None) -> dict[str, Any]:
    return {"entry": entry, "fields": _fields(entry), "rows": own.get(entry.label, 0) if own is not None else None}


def _fields(entry: inventory.Entry) -> list[str]:
    """Name the fields in the reader's language; keys and bookkeeping without a name are left out."""
    own = {entry.owned_through, *entry.actors}
    named = [f for f in entry.model._meta.fields if not f.primary_key and f.name not in own]
    return [str(f.verbose_name) for f in named if not str(f.verbose_name).isascii()]
