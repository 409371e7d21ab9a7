"""Whom a new version has to ask again, about what, and until when they are left in peace."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from consent import inventory, timeline
from consent.models import NOT_ASKED_AGAIN, Acceptance, Document
from consent.timeline import Version

PUT_OFF = timedelta(days=1)
LONGEST_WITHOUT_AN_ANSWER = timedelta(days=30)
# Whom a change does not touch today it may touch tomorrow: with their first order, say.
LOOKED_AT_AGAIN = timedelta(hours=1)
ASKED_ABOUT = [kind for kind in Document.Kind.values if kind != Document.Kind.GATE]
Action = Acceptance.Action


class TooLateToPutOff(Exception):
    """The version has been in force for thirty days: it is time to say yes or no."""


@dataclass(frozen=True)
class Owed:
    """A text that a member has not answered, and what of it is new to them."""

    version: Version
    accepted: Version | None
    changes: tuple[dict[str, Any], ...]
    since: datetime  # when the newest version took effect of which the member is to be asked
    refused_at: datetime | None

    @property
    def is_binding(self) -> bool:
        return self.version.kind in Document.BINDING

    @property
    def last_day_to_put_off(self) -> datetime:
        return self.since + LONGEST_WITHOUT_AN_ANSWER

    def is_refused(self, now: datetime) -> bool:
        """Tell whether the member said no so lately that they are not asked again."""
        return self.refused_at is not None and now < self.refused_at + NOT_ASKED_AGAIN


def owes_nothing(*, member: Any, now: datetime) -> bool:
    """Tell whether a member may go on; asks the database only when something may have changed.

    The answer stands in the member's own row, which every request reads anyway.
    """
    if member.texts_settled == timeline.fingerprint(now):
        until = member.texts_settled_until
        if until is None or now < until:
            return True
    asked = _Asked(member, now)
    if asked.owed:
        return False
    _settle(member, now=now, until=now + LOOKED_AT_AGAIN if asked.passed_over else None)
    return True


def owed(*, member: Any, now: datetime) -> list[Owed]:
    """List what a member is to be asked, the binding texts first."""
    return _Asked(member, now).owed


def put_off(*, member: Any, now: datetime) -> datetime:
    """Let a member go on for a day without an answer, and return until when.

    :raises TooLateToPutOff: when one of the versions has been in force for thirty days
    """
    last_days = [one.last_day_to_put_off for one in owed(member=member, now=now)]
    if any(now >= last_day for last_day in last_days):
        raise TooLateToPutOff
    until = min([now + PUT_OFF, *last_days])
    _settle(member, now=now, until=until)
    return until


def held_by(*, member: Any) -> set[str]:
    """Name the kinds of things of which there are any of one member: these decide whom a change touches."""
    return {entry.label for entry, _rows in inventory.counts(member_id=member.pk)}


def ask_again(*, member: Any) -> None:
    """Forget that a member owes nothing, or has put the question off."""
    _write(member, settled="", until=None)


def _settle(member: Any, *, now: datetime, until: datetime | None) -> None:
    _write(member, settled=timeline.fingerprint(now), until=until)


def _write(member: Any, *, settled: str, until: datetime | None) -> None:
    changes = {"texts_settled": settled, "texts_settled_until": until}
    member._meta.model._base_manager.filter(pk=member.pk).update(**changes)
    member.texts_settled, member.texts_settled_until = settled, until


class _Asked:
    """Compares what one member has said with what binds now."""

    def __init__(self, member: Any, now: datetime) -> None:
        self.member, self.timeline = member, timeline.read()
        self.accepted: dict[str, int] = {}
        self.refused: dict[int, datetime] = {}
        self.passed_over = False
        # Taken back on one device, a permission still rests on its sheet while another device has it open.
        self.open_somewhere = {kind for kinds in member.open_permissions.values() for kind in kinds}
        for word in Acceptance.objects.for_member(member).about(ASKED_ABOUT).order_by("at", "pk"):
            self._hear(word)
        in_force = self.timeline.in_force(now)
        found = [self._look_at(in_force[kind]) for kind in ASKED_ABOUT if kind in in_force]
        self.owed = [one for one in found if one is not None]

    def _hear(self, word: Acceptance) -> None:
        if word.action == Action.GIVEN:
            self.accepted[word.kind] = word.document_id
        elif word.action == Action.WITHDRAWN and word.kind not in self.open_somewhere:
            self.accepted.pop(word.kind, None)
        elif word.action == Action.REFUSED:
            self.refused[word.document_id] = word.at

    def _look_at(self, current: Version) -> Owed | None:
        pk = self.accepted.get(current.kind)
        accepted = next((v for v in self.timeline.versions if v.pk == pk), None)
        if accepted is None and current.kind not in Document.BINDING:
            return None
        if accepted is not None and accepted.effective_at >= current.effective_at:
            return None
        newer, changes = self.timeline.between(accepted, current), tuple[dict[str, Any], ...]()
        if accepted is None:
            asking = [v for v in newer if v.is_material] or newer[:1]
        else:
            material = [v for v in newer if v.is_material]
            asking = [v for v in material if self._touches(v)]
            changes = tuple(c for v in asking for c in v.changes if self._concerns(c["holders"]))
            self.passed_over = self.passed_over or bool(material and not asking)
        if not asking:
            return None
        since = asking[-1].effective_at
        # New wording alone takes no refusal away, and gives nobody more time.
        refusals = [self.refused[v.pk] for v in newer if v.effective_at >= since and v.pk in self.refused]
        return Owed(current, accepted, changes, since, max(refusals, default=None))

    def _touches(self, version: Version) -> bool:
        """A version that is material without telling why touches everybody."""
        return not version.changes or any(self._concerns(change["holders"]) for change in version.changes)

    def _concerns(self, holders: Iterable[str]) -> bool:
        return not holders or not self._held.isdisjoint(holders)

    @cached_property
    def _held(self) -> set[str]:
        return held_by(member=self.member)
