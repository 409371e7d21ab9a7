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

REMEMBERED = 60.0  # seconds


@dataclass(frozen=True)
class Version:
    """A document without its text."""

    pk: int
    kind: str
    version: str
    title: str
    sha256: str
    announced_at: datetime
    effective_at: datetime
    is_material: bool
    changes: tuple[dict[str, Any], ...]

    @property
    def url(self) -> str:
        return f"/policy/{self.kind}/{self.version}/"


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
    digests = tuple(sorted(v.sha256 for v in read().in_force(now).values() if v.kind != "gate"))
    if digests not in _fingerprints:
        _fingerprints[digests] = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
    return _fingerprints[digests]


def _read() -> Iterable[Version]:
    from consent.models import Document

    fields = ("pk", "kind", "version", "title", "sha256", "announced_at", "effective_at", "is_material", "changes")
    for row in Document.objects.announced().order_by("effective_at", "pk").values(*fields):
        yield Version(**{**row, "changes": tuple(row["changes"])})
