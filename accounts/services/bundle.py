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
from html import escape
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import User
from consent import inventory
from consent.fields import KeyedHashField

CHUNK = 2_000
PIECE = 64 * 1024  # bytes
JSON = json.JSONEncoder(ensure_ascii=False, default=str)
STYLE = """body{font:16px/1.6 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#10272b}
table{border-collapse:collapse;width:100%;font-size:.875rem}th,td{border:1px solid #dbe4e3;padding:.4rem .6rem;
text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#edf2f1}a{color:#0a6065}.muted{color:#4a6064}"""

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
        archive.add("index.html", _front_page(written, now).encode())
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
        page.write(_head(written.entry, columns).encode())
        with archive.adding(written.file) as data:
            data.write(b"[")
            for row in _rows(member, written.entry, columns):
                values = {column.name: _plain(column, row) for column in columns}
                data.write((",\n" if written.rows else "\n").encode() + _as_json(values))
                page.write(_line(values).encode())
                written.rows += 1
                if written.rows % CHUNK == 0:
                    yield written.rows
            data.write(b"\n]\n")
        page.write(b"</table></body></html>\n")
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
    rows = entry.rows([member.pk]).order_by("pk")
    return (rows.select_related(*keys) if keys else rows).iterator(chunk_size=CHUNK)


def _plain(column: Column, row: Any) -> Any:
    """Turn a value into what JSON can say, in the words that the site uses for it."""
    value = getattr(row, column.name)
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return getattr(row, f"get_{column.name}_display")() if column.choices and value is not None else value
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


# ── Words ──


def _as_json(value: Any) -> bytes:
    return JSON.encode(value).encode()


def _page(title: str) -> str:
    head = f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>\n"


def _head(entry: inventory.Entry, columns: list[Column]) -> str:
    names = "".join(f"<th>{escape(str(column.verbose_name))}</th>" for column in columns)
    why = f'<p class="muted">用途：{escape(entry.purpose)}（隐私政策 {escape(entry.clause)}）</p>'
    return f'{_page(entry.name)}{why}<p><a href="../index.html">返回目录</a></p><table><tr>{names}</tr>\n'


def _line(values: dict[str, Any]) -> str:
    return "<tr>" + "".join(f"<td>{escape(_shown(value))}</td>" for value in values.values()) + "</tr>\n"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if value is None:
        return ""
    return value if isinstance(value, str) else JSON.encode(value)


def _front_page(written: list[Written], now: datetime) -> str:
    rows = "".join(
        f'<tr><td><a href="data/{one.entry.label}.html">{escape(one.entry.name)}</a></td><td>{one.rows}</td>'
        f"<td>{escape(one.entry.purpose)}</td><td>{escape(one.entry.kept_for or '随账号')}</td></tr>\n"
        for one in written
    )
    made = f"{timezone.localtime(now):%Y年%m月%d日 %H:%M}"
    checks = "manifest.json 列出每个文件的大小与摘要（SHA-256），以及每一类的条数"
    said = f"<p>制作于 {made}。每一类另有同名的 JSON 文件；{checks}。</p>"
    unsaid = "<p>密码、两步验证密钥和登录凭据的值不在其中：它们泄露了会危及您的账号。</p>"
    table = f"<table><tr><th>信息</th><th>条数</th><th>用途</th><th>保存多久</th></tr>\n{rows}</table></body></html>\n"
    return f"{_page(f'{settings.SITE_NAME}：我的个人信息')}{said}{unsaid}{table}"
