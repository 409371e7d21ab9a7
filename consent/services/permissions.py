"""Permissions of devices: given, refused, taken back; and what was collected with them deleted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import models, transaction
from django.db.models import Max

from consent import inventory, timeline
from consent.models import ERASED_WITHIN, Acceptance, Permission, Recall
from consent.models.permissions import PermissionQuerySet
from consent.services.saying import Origin, StaleDocument, hold, say

AT_ONCE = 20
# How long a deletion that failed waits: well within the time that is promised.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
State = Permission.State
log = structlog.get_logger(__name__)


class NotPermitted(Exception):
    """A permission without which something cannot be let in is not open, or not any more."""

    def __init__(self, kinds: set[str]) -> None:
        super().__init__(", ".join(sorted(kinds)))
        self.kinds = kinds


@dataclass(frozen=True)
class Device:
    """One browser of one member."""

    member: Any
    key: UUID


@dataclass(frozen=True)
class Closed:
    """A permission that was closed just now, and what is to be deleted because of it: None while another is open."""

    recall: Recall | None


@transaction.atomic
def open_permission(*, device: Device, kind: str, digest: str, origin: Origin, now: datetime) -> Permission:
    """Record that a member agrees to the sheet of this permission, and open it on one device.

    :raises StaleDocument: when the sheet they saw is no longer the one in force
    """
    sheet = timeline.read().in_force(now)[kind]
    if sheet.digest != digest:
        raise StaleDocument(sheet)
    hold(device.member)
    say(member=device.member, text=sheet, action=Acceptance.Action.GIVEN, origin=origin, now=now)
    return _decide(device, kind, State.OPEN, origin=origin, now=now)


@transaction.atomic
def refuse_permission(*, device: Device, kind: str, origin: Origin, now: datetime) -> Closed | None:
    """Record that a member does not want this permission on this device; they are not asked for 90 days.

    Where it is open, the no takes it back.

    :returns: as `close_permission`
    """
    hold(device.member)
    if _open(device.member, kind).on_device(device.key).exists():
        return _close(device, kind, State.REFUSED, origin=origin, now=now)
    sheet = timeline.read().in_force(now)[kind]
    say(member=device.member, text=sheet, action=Acceptance.Action.REFUSED, origin=origin, now=now)
    _decide(device, kind, State.REFUSED, origin=origin, now=now)
    return None


@transaction.atomic
def close_permission(*, device: Device, kind: str, origin: Origin, now: datetime) -> Closed | None:
    """Close a permission on one device; with the last device, what was collected with it is to be deleted.

    :returns: None when it was not open here
    """
    hold(device.member)
    if not _open(device.member, kind).on_device(device.key).exists():
        return None
    return _close(device, kind, State.TAKEN_BACK, origin=origin, now=now)


def _close(device: Device, kind: str, state: str, *, origin: Origin, now: datetime) -> Closed:
    _say_withdrawn(device.member, kind, origin=origin, now=now)
    _decide(device, kind, state, origin=origin, now=now)
    return Closed(_recall_after_the_last(device.member, kind, now=now))


@transaction.atomic
def close_everywhere(
    *, member: Any, kind: str, origin: Origin, now: datetime, state: str = State.TAKEN_BACK
) -> Recall | None:
    """Close a permission on every device of a member, as taken back or as refused."""
    hold(member)
    if not _open(member, kind).exists():
        return None
    _say_withdrawn(member, kind, origin=origin, now=now)
    _open(member, kind).update(state=state, changed_at=now)
    _tell_the_members_row(member)
    return _recall_after_the_last(member, kind, now=now)


def _say_withdrawn(member: Any, kind: str, *, origin: Origin, now: datetime) -> None:
    given = Acceptance.objects.for_member(member).about([kind]).filter(action=Acceptance.Action.GIVEN)
    text = given.select_related("document").newest_first()[0].document
    say(member=member, text=text, action=Acceptance.Action.WITHDRAWN, origin=origin, now=now)


def _open(member: Any, kind: str) -> PermissionQuerySet:
    return Permission.objects.for_member(member).open().filter(kind=kind)


def _decide(device: Device, kind: str, state: str, *, origin: Origin, now: datetime) -> Permission:
    decided, _created = Permission.objects.update_or_create(
        member=device.member,
        device=device.key,
        kind=kind,
        defaults={"state": state, "changed_at": now, "browser": origin.browser[:300]},
    )
    _tell_the_members_row(device.member)
    return decided


def _tell_the_members_row(member: Any) -> None:
    """Write what is open on each device into the row that every request reads."""
    opened: dict[str, list[str]] = {}
    for device, kind in Permission.objects.for_member(member).open().order_by("kind").values_list("device", "kind"):
        opened.setdefault(device.hex, []).append(kind)
    member._meta.model._base_manager.filter(pk=member.pk).update(open_permissions=opened)
    member.open_permissions = opened


def _recall_after_the_last(member: Any, kind: str, *, now: datetime) -> Recall | None:
    if _open(member, kind).exists():
        return None
    asked_at = max([now, *_last_collected(member, kind)])
    # Taken back again before it was done: what came meanwhile is meant too, by the hour that was promised first.
    duty, _created = Recall.objects.update_or_create(
        member=member,
        kind=kind,
        done_at=None,
        defaults={"asked_at": asked_at},
        create_defaults={"asked_at": asked_at, "due_at": now + ERASED_WITHIN, "next_attempt_at": now},
    )
    return duty


def _last_collected(member: Any, kind: str) -> list[datetime]:
    """Tell when the last of it came: what was let in while the withdrawal waited for its turn is meant too."""
    newest = [rows.aggregate(last=Max(entry.collected_at))["last"] for entry, rows in _collected(member.pk, kind)]
    return [last for last in newest if last is not None]


def hold_open(*, device: Device, kinds: Iterable[str]) -> None:
    """Make sure that all of these are open on a device, and keep them so until the transaction ends.

    :raises NotPermitted: when one of them is not
    """
    hold(device.member)
    wanted = set(kinds)
    opened = Permission.objects.for_member(device.member).on_device(device.key).open().filter(kind__in=wanted)
    if missing := wanted - set(opened.values_list("kind", flat=True)):
        raise NotPermitted(missing)


def carry_out_recalls(*, now: datetime) -> int:
    """Delete what was collected with permissions that were taken back; return how many duties were done."""
    done = 0
    for _ in range(AT_ONCE):
        is_done = _carry_out_next(now)
        if is_done is None:
            break
        done += is_done
    return done


@transaction.atomic
def _carry_out_next(now: datetime) -> bool | None:
    """Carry out the next duty; one that fails is tried again later and holds up no other. None: there is none."""
    duty = Recall.objects.due(now).select_for_update(skip_locked=True, of=("self",)).first()
    if duty is None:
        return None
    try:
        with transaction.atomic():
            duty.rows = sum(_delete(entry, rows) for entry, rows in _recalled(duty))
    except Exception as error:
        duty.next_attempt_at = now + PAUSES[min(duty.attempts, len(PAUSES) - 1)]
        duty.attempts += 1
        duty.save(update_fields=["next_attempt_at", "attempts"])
        log.error("recall.failed", recall=duty.pk, attempts=duty.attempts, error=type(error).__name__)
        return False
    duty.done_at = now
    duty.save(update_fields=["rows", "done_at"])
    log.info("recall.done", recall=duty.pk, rows=duty.rows)
    return True


def _collected(member_id: int, kind: str) -> list[tuple[inventory.Entry, models.QuerySet[Any]]]:
    """Find what declares that it came with a permission (`PersonalData.collected_with`)."""
    told = [entry for entry in inventory.entries() if entry.collected_with]
    return [(entry, entry.rows([member_id]).filter(**{entry.collected_with: kind})) for entry in told]


def _recalled(duty: Recall) -> list[tuple[inventory.Entry, models.QuerySet[Any]]]:
    """Leave alone what came after the permission was taken back: it was opened again meanwhile."""
    found = _collected(duty.member_id, duty.kind)
    return [(entry, rows.filter(**{f"{entry.collected_at}__lte": duty.asked_at})) for entry, rows in found]


def _delete(entry: inventory.Entry, rows: models.QuerySet[Any]) -> int:
    """Delete rows, with the files they name; a join stands in the way of doing it in one statement."""
    pks = list(rows.values_list("pk", flat=True))
    return entry.model._base_manager.filter(pk__in=pks).delete()[1].get(entry.label, 0)
