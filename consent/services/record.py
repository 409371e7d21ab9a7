"""The chain through everything that was ever said: forged afterwards, it would break.

Whoever speaks adds a line and waits for nobody. A second later the clock gives the new lines their places, one after
the other, so that sign-ups do not queue behind one lock.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet

from consent.models import Acceptance, Document, Link
from consent.models.documents import digest_of_body, digest_of_manifest
from consent.timeline import digest_of
from consent.turns import turn

AT_ONCE = 1000
# A line that was added before another may become visible after it; one that is so late is found by `seal_everything`.
LOOKED_BACK = 10_000
GENESIS = "0" * 64
LINE = ("pk", "subject_id", "kind", "document_id", "sha256", "action", "at")
HEADS = "consent-heads.log"
WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d) (\d+) ([0-9a-f]{64})")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Break:
    """The first place where the record is not what it was."""

    sequence: int
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What a look at the whole record found."""

    links: int
    head: str
    unsealed: int
    broken: Break | None = None


def digest(*, sequence: int, previous: str, line: dict[str, Any]) -> str:
    """Cover one line, its place and the digest before it (SHA-256)."""
    at = line["at"].astimezone(UTC).isoformat(timespec="microseconds")
    said = (sequence, previous, *(line[name] for name in LINE[:-1]), at)
    return hashlib.sha256("|".join(map(str, said)).encode()).hexdigest()


def seal() -> int:
    """Give new lines their places in the chain; return how many."""
    last = Link.objects.aggregate(last=Max("acceptance_id"))["last"] or 0
    return _seal(Acceptance.objects.filter(pk__gt=last - LOOKED_BACK))


def seal_everything() -> int:
    """Do the same for lines of any age: it reads the whole record."""
    return _seal(Acceptance.objects.all())


def _seal(among: QuerySet[Acceptance]) -> int:
    sealed = 0
    with turn("consent.record") as is_ours:
        while is_ours and (batch := _seal_batch(among)):
            sealed += batch
    return sealed


@transaction.atomic
def _seal_batch(among: QuerySet[Acceptance]) -> int:
    lines = list(among.filter(link=None).order_by("pk").values(*LINE)[:AT_ONCE])
    sequence, previous = _head()
    links = []
    for line in lines:
        sequence += 1
        link = Link(sequence=sequence, acceptance_id=line["pk"], previous=previous)
        previous = link.digest = digest(sequence=sequence, previous=previous, line=line)
        links.append(link)
    Link.objects.bulk_create(links)
    return len(links)


def _head() -> tuple[int, str]:
    last = Link.objects.order_by("-sequence").values_list("sequence", "digest").first()
    return last or (0, GENESIS)


@transaction.atomic
def verify() -> Verdict:
    """Read the whole chain, in constant memory, and hold it against the heads that were written down outside."""
    heads, texts = {written.sequence: written.digest for written in _written_heads()}, _texts()
    sequence, previous = 0, GENESIS
    for link in _links():
        broken = _look_at(link, after=sequence, previous=previous, heads=heads, texts=texts)
        if broken is not None:
            return Verdict(sequence, previous, 0, broken)
        sequence, previous = link["sequence"], link["digest"]
    unsealed = Acceptance.objects.filter(link=None).count()
    return Verdict(sequence, previous, unsealed, _missing_end(heads, sequence))


def _texts() -> dict[int, set[str]]:
    """Take the digests of all texts anew; of lines from before manifests counted, the text alone."""
    found = {}
    for document in Document.objects.announced().only("body", "manifest").iterator(10):
        body = digest_of_body(document.body)
        found[document.pk] = {body, digest_of(body, digest_of_manifest(document.manifest))}
    return found


def _links() -> Iterator[dict[str, Any]]:
    names = ("sequence", "previous", "digest", *(f"acceptance__{name}" for name in LINE))
    yield from Link.objects.order_by("sequence").values(*names).iterator(AT_ONCE)


def _look_at(
    link: dict[str, Any], *, after: int, previous: str, heads: dict[int, str], texts: dict[int, set[str]]
) -> Break | None:
    sequence = link["sequence"]
    line = {name: link[f"acceptance__{name}"] for name in LINE}
    if sequence != after + 1:
        return Break(after + 1, "缺少一条")
    if link["previous"] != previous or digest(sequence=sequence, previous=previous, line=line) != link["digest"]:
        return Break(sequence, "内容与摘要不符")
    if line["sha256"] not in texts.get(line["document_id"], ()):
        return Break(sequence, "所指的文本与当时的不符")
    if heads.get(sequence, link["digest"]) != link["digest"]:
        return Break(sequence, "与数据库之外记下的摘要不符")
    return None


def _missing_end(heads: dict[int, str], last: int) -> Break | None:
    beyond = [sequence for sequence in heads if sequence > last]
    return Break(last + 1, "数据库之外记下的摘要更长：末尾被截去") if beyond else None


def write_head(*, now: datetime) -> bool:
    """Verify the chain and append its head to a file outside the database, once a day; tell whether it did.

    A chain that does not hold gets no new head and raises the alarm, every time, until it is looked into. Whoever can
    change the database cannot reach that file: a chain that was made anew would not fit it.
    """
    seal_everything()
    sequence, head = _head()
    day = now.astimezone(UTC).date().isoformat()
    if sequence == 0 or any(written.day == day for written in _written_heads()):
        return False
    if (broken := verify().broken) is not None:
        log.error("consent.record_broken", sequence=broken.sequence, reason=broken.reason)
        return False
    path = heads_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a", encoding="ascii") as file:
        file.write(f"{day} {sequence} {head}\n")
        file.flush()
        os.fsync(file.fileno())
    log.info("consent.head_written", sequence=sequence)
    return True


class _Head(NamedTuple):
    """One line of the file."""

    day: str
    sequence: int
    digest: str


def heads_file() -> Path:
    return Path(settings.LEDGER_DIR) / HEADS


def _written_heads() -> list[_Head]:
    path = heads_file()
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    found = [WRITTEN.fullmatch(line) for line in lines]
    # A line that a crash cut off says nothing; the next day writes another.
    return [_Head(one[1], int(one[2]), one[3]) for one in found if one]
