"""Writing down what people agree to, refuse and take back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, transaction

from consent import timeline
from consent.models import GATE_REMEMBERED, Acceptance, Document, Evidence
from consent.services import agreeing

AT_ONCE = 1000
Action = Acceptance.Action
APPEND = """
    WITH said AS (
        INSERT INTO consent_acceptance (subject_id, document_id, kind, sha256, action, at)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
    ), beside AS (
        INSERT INTO consent_evidence (acceptance_id, ip, browser) SELECT id, %s::inet, %s FROM said WHERE %s
    )
    SELECT id FROM said
"""


@dataclass(frozen=True)
class Origin:
    """From where a request came: kept beside an acceptance as its evidence."""

    ip: str | None
    browser: str


class Text(Protocol):
    """A version of a text: a whole document, or what the timeline knows of it."""

    @property
    def pk(self) -> Any: ...
    @property
    def kind(self) -> str: ...
    @property
    def digest(self) -> str: ...


class StaleDocument(Exception):
    """The text the person saw is no longer the one in force."""

    def __init__(self, document: Any) -> None:
        super().__init__(str(document))
        self.document = document


def hold(member: Any) -> None:
    """Make whatever else this member decides wait: of two that come at once, one must be the last."""
    members = member._meta.model._base_manager
    list(members.select_for_update(of=("self",)).filter(pk=member.pk).values_list("pk"))


@transaction.atomic
def accept(*, member: Any, documents: Iterable[Document], origin: Origin, now: datetime) -> list[Acceptance]:
    """Record that a member agrees to these texts.

    :raises StaleDocument: when one of them is not in force now
    """
    chosen = list(documents)
    in_force = {document.kind: document for document in Document.objects.in_force(now)}
    for document in chosen:
        if in_force.get(document.kind) != document:
            raise StaleDocument(in_force.get(document.kind, document))
    return [say(member=member, text=d, action=Action.GIVEN, origin=origin, now=now) for d in chosen]


def withdraw(*, member: Any, kind: str, origin: Origin | None = None, now: datetime) -> Acceptance | None:
    """Record that a member takes back the consent of one kind; what was done before stays lawful (PIPL 15)."""
    given = Acceptance.objects.for_member(member).words_on([kind]).select_related("document").first()
    if given is None or given.action != Action.GIVEN:
        return None
    return say(member=member, text=given.document, action=Action.WITHDRAWN, origin=origin, now=now)


@transaction.atomic
def refuse(*, member: Any, kinds: Iterable[str], origin: Origin, now: datetime) -> list[Acceptance]:
    """Record that a member does not agree to the versions of these kinds that are in force."""
    in_force = timeline.read().in_force(now)
    texts = [in_force[kind] for kind in kinds if kind in in_force]
    agreeing.ask_again(member=member)  # whatever was put off has been answered
    return [say(member=member, text=text, action=Action.REFUSED, origin=origin, now=now) for text in texts]


def acknowledge(*, subject: UUID, document: Text, origin: Origin, now: datetime) -> Acceptance:
    """Record that a person, a member or only a browser with a random number, has read a warning and goes on."""
    return _record(subject=subject, text=document, action=Action.ACKNOWLEDGED, origin=origin, now=now)


def has_acknowledged(*, member: Any, document: Text, now: datetime) -> bool:
    """Tell whether a member has gone past this warning within the time that it is remembered."""
    said = Acceptance.objects.for_member(member).about([document.kind])
    return said.acknowledged_since(now - GATE_REMEMBERED, sha256=document.digest).exists()


@transaction.atomic
def drop_outdated_evidence(*, now: datetime) -> int:
    """Delete from where visitors went past a warning, once they are asked again anyway."""
    outdated = Evidence.objects.outdated(now).select_for_update(skip_locked=True, of=("self",))
    pks = list(outdated.values_list("pk", flat=True)[:AT_ONCE])
    return Evidence.objects.filter(pk__in=pks).delete()[0]


def say(*, member: Any, text: Text, action: str, origin: Origin | None, now: datetime) -> Acceptance:
    """Record a member's word."""
    return _record(subject=member.subject, text=text, action=action, origin=origin, now=now)


def _record(*, subject: UUID, text: Text, action: str, now: datetime, origin: Origin | None) -> Acceptance:
    """Add a line and its evidence in one statement: every sign-up and every click at the gate goes through here."""
    said = Acceptance(
        subject_id=subject, document_id=text.pk, kind=text.kind, sha256=text.digest, action=action, at=now
    )
    line = (said.subject_id, said.document_id, said.kind, said.sha256, said.action, said.at)
    beside = (origin.ip, origin.browser[:300].replace("\0", "")) if origin else (None, "")
    with connection.cursor() as cursor:
        cursor.execute(APPEND, (*line, *beside, origin is not None))
        (said.pk,) = cursor.fetchone()
    said._state.adding, said._state.db = False, connection.alias
    return said
