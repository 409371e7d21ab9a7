"""Writing down what people agree to and take back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consent.models import GATE_REMEMBERED, Acceptance, Document, Evidence

DOCUMENTS = Path(__file__).parent / "documents"
AT_ONCE = 1000


@dataclass(frozen=True)
class Origin:
    """From where a request came: kept beside an acceptance as its evidence."""

    ip: str | None
    browser: str


class StaleDocument(Exception):
    """The text the person saw is no longer the one in force."""

    def __init__(self, document: Document) -> None:
        super().__init__(str(document))
        self.document = document


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
    return [_record(member=member, document=d, action=Acceptance.Action.GIVEN, origin=origin, now=now) for d in chosen]


def withdraw(*, member: Any, kind: str, origin: Origin | None = None, now: datetime) -> Acceptance | None:
    """Record that a member takes back the consent of one kind; what was done before stays lawful (PIPL 15)."""
    given = Acceptance.objects.for_member(member).standing([kind]).select_related("document").first()
    if given is None or given.action != Acceptance.Action.GIVEN:
        return None
    return _record(member=member, document=given.document, action=Acceptance.Action.WITHDRAWN, origin=origin, now=now)


def acknowledge(
    *, member: Any = None, visitor: UUID | None = None, document: Document, origin: Origin, now: datetime
) -> Acceptance:
    """Record that a person has read a warning and goes on."""
    action = Acceptance.Action.ACKNOWLEDGED
    return _record(member=member, visitor=visitor, document=document, action=action, origin=origin, now=now)


def has_acknowledged(*, member: Any, document: Document, now: datetime) -> bool:
    """Tell whether a member has gone past this warning within the time that it is remembered."""
    seen = Acceptance.objects.for_member(member).acknowledged_since(now - GATE_REMEMBERED, document=document)
    return seen.exists()


@transaction.atomic
def drop_outdated_acknowledgements(*, now: datetime) -> int:
    """Delete what visitors acknowledged before the time that it is remembered, and from where."""
    outdated = Acceptance.objects.outdated_acknowledgements(now).select_for_update(skip_locked=True)
    pks = list(outdated.values_list("pk", flat=True)[:AT_ONCE])
    Acceptance.objects.filter(pk__in=pks).delete()
    return len(pks)


@transaction.atomic
def _record(
    *,
    document: Document,
    action: str,
    now: datetime,
    member: Any = None,
    visitor: UUID | None = None,
    origin: Origin | None,
) -> Acceptance:
    record = Acceptance.objects.create(member=member, visitor=visitor, document=document, action=action, at=now)
    if origin is not None:
        Evidence.objects.create(acceptance=record, ip=origin.ip, browser=origin.browser[:300])
    return record


@transaction.atomic
def publish_documents(*, now: datetime) -> list[Document]:
    """Write every shipped text that the database does not have yet; safe to run at each start."""
    known = set(Document.objects.values_list("kind", "version"))
    texts = [_read(path) for path in sorted(DOCUMENTS.glob("*.md"))]
    fresh = [text for text in texts if (text["kind"], text["version"]) not in known]
    return [_publish(text, now=now) for text in fresh]


def _read(path: Path) -> dict[str, Any]:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    said = dict(line.split(": ", 1) for line in front.strip().splitlines())
    return {**said, "effective": date.fromisoformat(said["effective"]), "body": body.strip() + "\n"}


def _publish(text: dict[str, Any], *, now: datetime) -> Document:
    effective_at = timezone.make_aware(datetime.combine(text.pop("effective"), time()))
    return Document.objects.create(**text, announced_at=min(now, effective_at), effective_at=effective_at)
