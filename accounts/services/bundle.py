"""Writing all that is held about a member into one archive: JSON for programs, HTML for people, and their files.

Rows are read in chunks and written as they come: a member with a million rows takes no more memory than one with ten.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.services import readable
from consent import inventory
from consent.fields import KeyedHashField

CHUNK = 2_000
PIECE = 64 * 1024  # bytes
JSON = json.JSONEncoder(ensure_ascii=False, default=str)

Progress = Callable[[int], None]
Column = models.Field[Any, Any]


class Part:
    """One file on its way into the archive, in pieces that are worth compressing; counts and digests what it takes."""

    def __init__(self, target: IO[bytes], name: str) -> None:
        self.target, self.name = target, name
        self.size, self.digest, self.waiting = 0, hashlib.sha256(), bytearray()

    def write(self, content: bytes) -> int:
        self.waiting += content
        if len(self.waiting) > PIECE:
            self.flush()
        return len(content)

    def flush(self) -> None:
        self.target.write(self.waiting)
        self.digest.update(self.waiting)
        self.size += len(self.waiting)
        self.waiting = bytearray()

    def as_manifest(self) -> dict[str, Any]:
        return {"name": self.name, "size": self.size, "sha256": self.digest.hexdigest()}


class Archive:
    """A zip that knows what was put into it."""

    def __init__(self, out: IO[bytes]) -> None:
        self.zip = ZipFile(out, "w", ZIP_DEFLATED)
        self.parts: list[Part] = []

    @contextmanager
    def adding(self, name: str) -> Iterator[Part]:
        with self.zip.open(name, "w") as target:
            part = Part(target, name)
            yield part
            part.flush()
        self.parts.append(part)

    def add(self, name: str, content: bytes) -> None:
        with self.adding(name) as part:
            part.write(content)

    def copy(self, name: str, source: Any) -> None:
        with self.adding(name) as part:
            shutil.copyfileobj(source, part)


@dataclass
class Written:
    """What was written of one kind of row."""

    entry: inventory.Entry
    rows: int = 0

    @property
    def file(self) -> str:
        return f"data/{self.entry.label}.json"

    def as_manifest(self, told: dict[str, Any]) -> dict[str, Any]:
        said = self.entry
        return {
            "name": said.name,
            "model": said.label,
            "clause": said.clause,
            "purpose": said.purpose,
            "kept": said.kept_for or "随账号",
            "rows": self.rows,
            "file": self.file,
            "size": told["size"],
            "sha256": told["sha256"],
        }


def write_bundle(member: User, out: IO[bytes], *, now: datetime, progress: Progress) -> None:
    """Write the archive; `progress` hears after each chunk, and after each file, how many rows are done."""
    archive, written = Archive(out), []
    with archive.zip:
        done = 0
        for entry in inventory.entries():
            of_kind = Written(entry)
            written.append(of_kind)
            for rows in _write_kind(archive, member, of_kind):
                progress(done + rows)
            done += of_kind.rows
        archive.add("index.html", readable.front_page([(one.entry, one.rows) for one in written], now=now).encode())
        archive.zip.writestr("manifest.json", _as_json(_manifest(archive, written, now)))


def _manifest(archive: Archive, written: list[Written], now: datetime) -> dict[str, Any]:
    """List what is held, kind by kind, and every file of the archive but this one."""
    files = {part.name: part.as_manifest() for part in archive.parts}
    entries = [one.as_manifest(files[one.file]) for one in written]
    for one in written:
        files[one.file]["rows"] = one.rows
    return {"made_at": _plain_time(now), "entries": entries, "files": list(files.values())}


def _write_kind(archive: Archive, member: User, written: Written) -> Iterator[int]:
    """Write one kind of row as JSON and as a page; tell after each chunk how many there are."""
    columns = columns_of(written.entry)
    with TemporaryFile() as page:
        page.write(readable.head(written.entry, columns).encode())
        with archive.adding(written.file) as data:
            data.write(b"[")
            for row in _rows(member, written.entry, columns):
                values = {column.name: _plain(column, row) for column in columns}
                data.write((",\n" if written.rows else "\n").encode() + _as_json(values))
                page.write(readable.line(written.entry, row, values).encode())
                written.rows += 1
                if written.rows % CHUNK == 0:
                    yield written.rows
            data.write(b"\n]\n")
        page.write(readable.FOOT.encode())
        page.seek(0)
        archive.copy(f"data/{written.entry.label}.html", page)
    for _file in _write_files(archive, member, written.entry, columns):
        yield written.rows
    yield written.rows


# ── What of a row is told ──


def columns_of(entry: inventory.Entry) -> list[Column]:
    """List the fields that are told: not the key to the member, nobody else of the staff, no secret, no digest."""
    hidden = {entry.owned_through, *entry.actors, *entry.withheld}
    return [
        column
        for column in entry.model._meta.concrete_fields
        if column.name not in hidden and not isinstance(column, KeyedHashField | models.BinaryField)
    ]


def _rows(member: User, entry: inventory.Entry, columns: list[Column]) -> Iterator[Any]:
    keys = [column.name for column in columns if column.is_relation]
    rows = entry.shown_rows([member.pk]).order_by("pk")
    return (rows.select_related(*keys) if keys else rows).iterator(chunk_size=CHUNK)


def _plain(column: Column, row: Any) -> Any:
    """Turn a value into what JSON can say: as it is held, codes too."""
    value = getattr(row, column.name)
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    if isinstance(value, datetime):
        return _plain_time(value)
    if isinstance(column, models.FileField):
        return _file_name(row, value) if value else ""
    return str(value)


def _plain_time(moment: datetime) -> str:
    return timezone.localtime(moment).isoformat(timespec="seconds")


def _file_name(row: models.Model, value: Any) -> str:
    return f"files/{row._meta.label}/{row.pk}{PurePosixPath(value.name).suffix}"


def _write_files(archive: Archive, member: User, entry: inventory.Entry, columns: list[Column]) -> Iterator[str]:
    """Put uploaded files beside the rows that name them; one that is missing is missing here too."""
    fields = [column for column in columns if isinstance(column, models.FileField)]
    for row in _rows(member, entry, columns) if fields else ():
        for value in filter(None, (getattr(row, column.name) for column in fields)):
            if value.storage.exists(value.name):
                with value.storage.open(value.name) as source:
                    archive.copy(_file_name(row, value), source)
                yield value.name


def _as_json(value: Any) -> bytes:
    return JSON.encode(value).encode()
