"""From a draft to a version in force: who writes it, who announces it, whom it asks again."""

import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from consent import manifest, promises
from consent.models import NOTICE, Decision, Document

DOCUMENTS = Path(__file__).parent.parent / "documents"
LOCKS = 0x74657874  # "text": our place among PostgreSQL's advisory locks
Act = Decision.Act
log = structlog.get_logger(__name__)


class NotAnnounceable(Exception):
    """A draft cannot become a version as it is; says why, in words for its author."""


class AlreadyAnnounced(Exception):
    """The text is public and does not change any more."""


class SecondPersonNeeded(Exception):
    """Whoever wrote or proposed a text cannot be the one who confirms that it only changed in wording."""


@transaction.atomic
def save_draft(*, draft: Document, by: Any, now: datetime) -> Document:
    """Write down a draft and who wrote it.

    :raises AlreadyAnnounced: when it has been announced meanwhile
    """
    if draft.pk and not Document.objects.drafts().select_for_update().filter(pk=draft.pk).exists():
        raise AlreadyAnnounced
    draft.save()
    _decide(draft, act=Act.DRAFTED, by=by, now=now)
    return draft


@transaction.atomic
def announce(*, document_id: int, effective_at: datetime, by: Any, now: datetime) -> Document:
    """Make a draft public; from its day on, whomever it touches is asked again.

    :raises AlreadyAnnounced: when somebody was quicker
    :raises NotAnnounceable: when its day is too near, or nothing has changed
    """
    draft, before = _lock(document_id)
    draft.changes = [one.as_change() for one in manifest.gains(before.manifest, draft.manifest)] if before else []
    draft.is_material = before is not None
    _publish(draft, before, effective_at=effective_at, now=now)
    _decide(draft, act=Act.ANNOUNCED, by=by, now=now)
    return draft


@transaction.atomic
def propose_as_editorial(*, document_id: int, by: Any, now: datetime) -> None:
    """Say that a draft only changes wording, so that a colleague may look.

    :raises AlreadyAnnounced: when it is public already
    :raises NotAnnounceable: when its manifest gained something, whatever its author says
    """
    draft, before = _lock(document_id)
    _refuse_gains(draft, before)
    _decide(draft, act=Act.PROPOSED, by=by, now=now)


@transaction.atomic
def confirm_as_editorial(*, document_id: int, effective_at: datetime, by: Any, now: datetime) -> Document:
    """Announce a draft of which a colleague said that it only changes wording; nobody is asked again.

    :raises AlreadyAnnounced: when somebody was quicker
    :raises NotAnnounceable: when nobody proposed this very text, its manifest gained something, or its day is too near
    :raises SecondPersonNeeded: when the same person wrote or proposed it
    """
    draft, before = _lock(document_id)
    _refuse_gains(draft, before)
    proposed = Decision.objects.of(draft).filter(act=Act.PROPOSED, sha256=draft.digest)
    if not proposed.exists():
        raise NotAnnounceable("还没有同事提出这份文字只是文字调整；改动之后要重新提出")
    if Decision.objects.of(draft).filter(by=by, act__in=[Act.DRAFTED, Act.PROPOSED]).exists():
        raise SecondPersonNeeded
    draft.is_material, draft.changes = False, []
    _publish(draft, before, effective_at=effective_at, now=now)
    _decide(draft, act=Act.CONFIRMED, by=by, now=now)
    return draft


def base_of(draft: Document) -> Document | None:
    """Return the version that a draft would replace: the one that takes effect last."""
    return Document.objects.announced().filter(kind=draft.kind).newest_first().first()


def what_does_not_fit(draft: Document) -> list[str]:
    """Say where the policy promises other things than the tables hold; the other texts speak of one use alone."""
    return promises.mismatches(draft.manifest) if draft.kind == Document.Kind.PRIVACY else []


def _lock(document_id: int) -> tuple[Document, Document | None]:
    """Take a draft and the version it replaces; two of one kind are announced one after the other."""
    draft = Document.objects.get(pk=document_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, draft.kind])
    draft = Document.objects.select_for_update().get(pk=document_id)
    if not draft.is_draft:
        raise AlreadyAnnounced
    return draft, base_of(draft)


def _publish(draft: Document, before: Document | None, *, effective_at: datetime, now: datetime) -> None:
    if before is not None:
        if effective_at < now + NOTICE:
            raise NotAnnounceable(f"生效时间至少要在公布之后 {NOTICE.days} 天")
        if before.effective_at is not None and effective_at <= before.effective_at:
            raise NotAnnounceable(
                f"{before.version} 版要到 {timezone.localtime(before.effective_at):%Y-%m-%d %H:%M} 才生效，新版必须更晚"
            )
        if (before.body, before.manifest) == (draft.body, draft.manifest):
            raise NotAnnounceable(f"与 {before.version} 版没有差别")
    problems = promises.problems(draft.manifest, body=draft.body) or what_does_not_fit(draft)
    if problems:
        raise NotAnnounceable("；".join(problems))
    draft.replaces, draft.announced_at, draft.effective_at = before, now, effective_at
    draft.save()
    log.info("document.announced", kind=draft.kind, version=draft.version, material=draft.is_material)


def _refuse_gains(draft: Document, before: Document | None) -> None:
    gained = manifest.gains(before.manifest, draft.manifest) if before else []
    if before is None or gained:
        what = "；".join(one.text for one in gained) or "这是第一版"
        raise NotAnnounceable(f"这不只是文字调整：{what}")


def _decide(document: Document, *, act: str, by: Any, now: datetime) -> None:
    Decision.objects.create(document=document, act=act, by=by, sha256=document.digest, at=now)


# ── Texts that come with the code ──


@transaction.atomic
def publish_documents(*, now: datetime) -> list[Document]:
    """Write every shipped text that the database does not have yet; safe to run at each start.

    The first of its kind binds from its own date; each later one at the earliest seven days from now.
    """
    with connection.cursor() as cursor:  # two that start at once follow one another
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCKS])
    known = set(Document.objects.values_list("kind", "version"))
    texts = sorted(map(read_shipped, DOCUMENTS.glob("*/*.md")), key=lambda text: (text["kind"], text["effective"]))
    return [_ship(text, now=now) for text in texts if (text["kind"], text["version"]) not in known]


def read_shipped(path: Path) -> dict[str, Any]:
    """Read one text of ours, and the manifest beside it."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    said = dict(line.split(": ", 1) for line in front.strip().splitlines())
    beside = path.with_suffix(".toml")
    promises = tomllib.loads(beside.read_text(encoding="utf-8"))["promise"] if beside.exists() else []
    return {
        **said,
        "effective": date.fromisoformat(said["effective"]),
        "body": body.strip() + "\n",
        "manifest": promises,
    }


def _ship(text: dict[str, Any], *, now: datetime) -> Document:
    effective_at = timezone.make_aware(datetime.combine(text.pop("effective"), time()))
    draft = Document(**text)
    before = base_of(draft)
    announced_at = min(now, effective_at)
    if before is not None:
        draft.changes = [one.as_change() for one in manifest.gains(before.manifest, draft.manifest)]
        draft.is_material, draft.replaces = True, before
        announced_at, effective_at = now, max(effective_at, _first_midnight_after(now + NOTICE), _day_after(before))
    draft.announced_at, draft.effective_at = announced_at, effective_at
    draft.save()
    return draft


def _day_after(before: Document) -> datetime:
    """Return the earliest day for a version that follows one which is still to come."""
    return (before.effective_at or timezone.now()) + timedelta(days=1)


def _first_midnight_after(moment: datetime) -> datetime:
    day = timezone.localdate(moment)
    midnight = timezone.make_aware(datetime.combine(day, time()))
    return midnight if midnight >= moment else timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))
