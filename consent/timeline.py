"""Which version of each text binds at a moment, without asking the database each time.

Every process remembers the announced versions for a minute. That is sound because a version is announced seven days
before it binds: long before its hour every process knows of it, and then it binds everywhere in the same instant.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

REMEMBERED = 60.0  # seconds
NO_PROMISES = hashlib.sha256(b"[]").hexdigest()


@dataclass(frozen=True)
class Version:
    """A document without its text."""

    pk: int
    kind: str
    version: str
    title: str
    digest: str
    announced_at: datetime
    effective_at: datetime
    is_material: bool
    changes: tuple[dict[str, Any], ...]

    @property
    def url(self) -> str:
        return reverse("consent:document_version", args=[self.kind, self.version])


@dataclass(frozen=True)
class Timeline:
    """All announced versions, oldest first."""

    versions: tuple[Version, ...]
    read_at: float

    def in_force(self, now: datetime) -> dict[str, Version]:
        return {v.kind: v for v in self.versions if v.effective_at <= now}

    def coming(self, now: datetime, kinds: Iterable[str]) -> list[Version]:
        """List what has been announced and does not bind yet."""
        chosen = set(kinds)
        return [v for v in self.versions if v.effective_at > now and v.kind in chosen]

    def between(self, older: Version | None, newer: Version) -> list[Version]:
        """List the versions of a kind after one, up to and with another."""
        begun = older.effective_at if older else None
        of_kind = (v for v in self.versions if v.kind == newer.kind and v.effective_at <= newer.effective_at)
        return [v for v in of_kind if begun is None or v.effective_at > begun]


def digest_of(sha256: str, manifest_sha256: str) -> str:
    """Name exactly what a version says: its text, together with its manifest where it has one (SHA-256)."""
    if manifest_sha256 == NO_PROMISES:
        return sha256
    return hashlib.sha256(f"{sha256}{manifest_sha256}".encode()).hexdigest()


_known: Timeline | None = None
_fingerprints: dict[tuple[str, ...], str] = {}


def read() -> Timeline:
    """Return what is known, read anew once a minute."""
    global _known
    known = _known
    if known is None or time.monotonic() - known.read_at > REMEMBERED:
        _known = known = Timeline(tuple(_read()), time.monotonic())
    return known


def forget() -> None:
    """Read anew at the next question."""
    global _known
    _known = None


def fingerprint(now: datetime) -> str:
    """Name the set of versions that bind at this moment in sixteen letters; the gate has its own memory."""
    digests = tuple(sorted(v.digest for v in read().in_force(now).values() if v.kind != "gate"))
    if digests not in _fingerprints:
        _fingerprints[digests] = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
    return _fingerprints[digests]


def _read() -> Iterable[Version]:
    from consent.models import Document

    fields = ("pk", "kind", "version", "title", "announced_at", "effective_at", "is_material", "changes")
    digests = ("sha256", "manifest_sha256")
    for row in Document.objects.announced().order_by("effective_at", "pk").values(*fields, *digests):
        digest = digest_of(*(row.pop(name) for name in digests))
        yield Version(**{**row, "digest": digest, "changes": tuple(row["changes"])})
