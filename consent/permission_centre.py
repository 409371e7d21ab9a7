"""What the permission centre tells one member: this device, the other devices, what is being deleted, what was said."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Count, F
from django.http import HttpRequest
from django.utils import timezone

from consent import inventory, permissions, timeline
from consent.models import NOT_ASKED_AGAIN, Acceptance, Permission, Recall
from consent.permission_words import WORDS, Words
from consent.permissions import FEATURES, Kind
from consent.timeline import Version

LAST_WORDS = 20
LAST_RECALLS = 8
State = Permission.State
SAID = {State.OPEN: "允许", State.TAKEN_BACK: "收回", State.REFUSED: "拒绝"}


@dataclass(frozen=True)
class Row:
    """One permission on this device."""

    kind: Kind
    words: Words
    sheet: Version | None
    decided: Permission | None
    left_in_peace_until: datetime | None

    @property
    def feature(self) -> str:
        """Name what the browser itself asks about; nothing for pictures, which come through a file dialogue."""
        return FEATURES.get(self.kind, "")

    @property
    def said(self) -> str:
        return SAID[State(self.decided.state)] if self.decided else ""


@dataclass(frozen=True)
class OtherDevice:
    """What is open on another browser of the same member."""

    key: UUID
    opened: list[Permission]

    @property
    def last(self) -> Permission:
        return max(self.opened, key=lambda permission: permission.changed_at)


@dataclass(frozen=True)
class Deletion:
    """A duty to delete, and how much there is to delete or was deleted."""

    recall: Recall
    number: int
    is_late: bool

    @property
    def unit(self) -> str:
        return WORDS[Kind(self.recall.kind)].unit


def page(request: HttpRequest) -> dict[str, Any]:
    """Gather the whole page in as many queries for one device as for twenty."""
    key, now = permissions.key_of(request), timezone.now()
    decided = list(Permission.objects.for_member(request.user).order_by("kind"))
    return {
        "rows": _rows({p.kind: p for p in decided if p.device == key}, now),
        "others": _others([p for p in decided if p.device != key and p.is_open]),
        "deletions": _deletions(request.user, now),
        "history": _history(request.user),
        "browser": request.META.get("HTTP_USER_AGENT", ""),
        "mark": mark(request),
    }


def mark(request: HttpRequest) -> str:
    """Name what is open in sixteen letters, without a query: another tab that shows another mark is out of date."""
    member: Any = request.user
    told = json.dumps([sorted(permissions.opened(request)), member.open_permissions], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _rows(decided: dict[str, Permission], now: datetime) -> list[Row]:
    sheets = timeline.read().in_force(now)
    peace = {p.kind: p.changed_at + NOT_ASKED_AGAIN for p in decided.values() if not (p.is_open or p.may_be_asked(now))}
    return [Row(kind, WORDS[kind], sheets.get(kind), decided.get(kind), peace.get(kind)) for kind in Kind]


def _others(opened: list[Permission]) -> list[OtherDevice]:
    by_device = groupby(sorted(opened, key=lambda p: p.device), key=lambda p: p.device)
    devices = [OtherDevice(key, list(found)) for key, found in by_device]
    return sorted(devices, key=lambda device: device.last.changed_at, reverse=True)


def _deletions(member: Any, now: datetime) -> list[Deletion]:
    waiting_first = F("done_at").desc(nulls_first=True)
    recalls = list(Recall.objects.for_member(member).order_by(waiting_first, "-pk")[:LAST_RECALLS])
    found = collected(member, [r.kind for r in recalls if r.done_at is None])
    return [
        Deletion(r, found[r.kind] if r.done_at is None else r.rows, r.done_at is None and r.due_at < now)
        for r in recalls
    ]


def collected(member: Any, kinds: Iterable[str]) -> Counter[str]:
    """Count what was collected with these permissions, whatever number of models hold it, in one query."""
    chosen, total = list(kinds), Counter[str]()
    told = [entry for entry in inventory.entries() if entry.collected_with]
    if not chosen or not told:
        return total
    first, *others = [
        entry.rows([member.pk])
        .filter(**{f"{entry.collected_with}__in": chosen})
        .order_by()
        .values(counted_kind=F(entry.collected_with))
        .annotate(counted=Count("pk"))
        for entry in told
    ]
    for row in first.union(*others, all=True):
        total[row["counted_kind"]] += row["counted"]
    return total


def _history(member: Any) -> list[tuple[str, Acceptance]]:
    said = Acceptance.objects.for_member(member).about(Kind.values).select_related("document", "evidence")
    newest = said.defer("document__body", "document__manifest").newest_first()[:LAST_WORDS]
    return [(Kind(one.kind).label, one) for one in newest]
