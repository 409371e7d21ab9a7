"""Plants a word in every personal field of every model that the inventory knows, and looks for it everywhere."""

import base64
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, models
from django.utils import timezone
from psycopg import sql

from accounts.models import User
from accounts.services import erasing
from consent import inventory
from consent.fields import KeyedHashField, SealedMixin, keyed_hash
from consent.models import Document
from courses.models import Course
from tests.factories import make_course
from tests.workers import broker_url

# What the word alone cannot satisfy: constraints of the tables, told by label.
PARTICULARS: dict[str, Any] = {
    "accounts.Alert": lambda now: {"spent_at": now},
    "accounts.Closure": lambda now: {"state": "withdrawn", "ended_at": now},
    "accounts.Disclosure": lambda now: {"state": "approved"},
    "accounts.Export": lambda now: {"state": "failed", "ended_at": now},
    "accounts.PurgePause": lambda now: {"ended_at": now},
    "complaints.Case": lambda now: {"status": "open", "claim_hash": None, "due_at": now + timedelta(days=15)},
    "complaints.Entry": lambda now: {"voice": "person"},
    "courses.Order": lambda now: {"status": "paid", "total_fen": 19900, "paid_at": now, "completed_at": now},
    "courses.Payment": lambda now: {
        "way": "debit",
        "state": "succeeded",
        "amount_fen": 19900,
        "paid_at": now,
        "channel_trade_no": str(uuid4()),
    },
    "courses.PaymentAccount": lambda now: {"state": "live", "signed_at": now},
    "courses.PaymentEvent": lambda now: {"outcome": "applied"},
    "courses.Refund": lambda now: {"amount_fen": 19900, "state": "requested", "next_attempt_at": now},
}


class Planter:
    """Gives one member a row of every kind, each with the word wherever a row may speak of a person."""

    def __init__(self, member: User, word: str) -> None:
        self.word, self.now = word, timezone.now()
        self.rows: dict[type[models.Model], models.Model] = {User: member}
        self.shared = {Document: Document.objects.first(), Course: Course.objects.first() or make_course()}

    def plant_everything(self) -> None:
        for entry in reversed(inventory.entries()):
            if entry.model is not User:
                self.rows[entry.model] = self.plant(entry)

    def plant(self, entry: inventory.Entry) -> models.Model:
        values = {f.name: self.value(entry, f) for f in entry.model._meta.concrete_fields if self.is_ours(entry, f)}
        particulars = PARTICULARS.get(entry.label, lambda now: {})(self.now)
        return entry.model._base_manager.create(**{**values, **particulars})

    def is_ours(self, entry: inventory.Entry, f: models.Field) -> bool:
        return not f.primary_key and (self.goes(entry, f) or not (f.has_default() or f.null))

    def goes(self, entry: inventory.Entry, f: models.Field) -> bool:
        """Tell whether a field's value must not outlive its member."""
        going = entry.deletes or (not entry.unlinks and f.name in entry.on_close)
        return (going and is_telling(f)) or f.name == entry.owned_through or bool(f.remote_field and not f.null)

    def value(self, entry: inventory.Entry, f: models.Field) -> Any:
        if f.remote_field:
            return {**self.shared, **self.rows}[f.related_model]
        return self.telling_value(entry, f) if self.goes(entry, f) else silent_value(f, self.now)

    def telling_value(self, entry: inventory.Entry, f: models.Field) -> Any:
        if isinstance(f, KeyedHashField):
            return keyed_hash(self.word, purpose=f"{entry.label}.{f.name}")
        if isinstance(f, models.FileField):
            return ContentFile(self.word.encode(), name=f"{self.word}.txt")
        if isinstance(f, models.JSONField):
            return {"word": self.word}
        if isinstance(f, models.GenericIPAddressField):
            return "203.0.113.66"
        return f"{self.word}@example.com".lower() if isinstance(f, models.EmailField) else self.word


def silent_value(f: models.Field, now: datetime) -> Any:
    """Make up something that fits and speaks of nobody."""
    if f.choices:
        return f.choices[0][0]
    if isinstance(f, models.DateTimeField):
        return now
    if isinstance(f, models.JSONField):
        return {}
    return str(uuid4())[: f.max_length] if isinstance(f, models.CharField | models.TextField) else 1


def is_telling(f: models.Field) -> bool:
    """Tell whether a field could say something about a person in words."""
    words = models.CharField | models.TextField | models.JSONField | models.FileField | SealedMixin | KeyedHashField
    return isinstance(f, words | models.GenericIPAddressField) and not f.choices


def everything_stored() -> str:
    """Return all that the database, Redis and the upload directory hold, as text; bytes as hexadecimal beside it."""
    return "\n".join(what_is_where().values())


def what_is_where() -> dict[str, str]:
    """Return the same by where it is."""
    places = {"tables": tables, "keys and values": in_redis, "names of files": names_of_files, "files": files}
    return {place: "\n".join(read()) for place, read in places.items()}


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        names = [name for (name,) in cursor.fetchall()]
        found = []
        for name in names:
            cursor.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name)))
            found += [f"{name}: {row}" for (row,) in cursor.fetchall()]
    return found


def in_redis() -> list[str]:
    """Read the cache and the brokers of this run; those of others beside us come and go."""
    found = []
    for url in {settings.REDIS_URL, settings.CACHES["default"]["LOCATION"], broker_url()}:
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter():
                found += [key.decode(errors="replace"), readable(client, key)]
    return found


def readable(client: redis.Redis, key: bytes) -> str:
    reads = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
        b"none": lambda key: b"",  # it has expired since it was listed
    }
    value = reads[client.type(key)](key)
    said = value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    return "\n".join([said, *filter(None, map(unwrapped, re.findall("[0-9A-Za-z+/]{20,}={0,2}", said)))])


def unwrapped(said: str) -> str:
    """Read what Celery writes in base64."""
    try:
        return base64.b64decode(said).decode()
    except ValueError:
        return ""


def names_of_files() -> list[str]:
    return [str(path) for path in Path(settings.MEDIA_ROOT).rglob("*")]


def files() -> list[str]:
    every = Path(settings.MEDIA_ROOT).rglob("*")
    return [path.read_bytes().decode(errors="replace") for path in every if path.is_file()]


def in_ledger() -> str:
    """Return what is kept outside the database of whoever has gone."""
    return "\n".join(path.read_text() for path in Path(settings.LEDGER_DIR).glob("*.log"))


def everything_sealed() -> str:
    """Return what the encrypted fields of all models say to whoever has the keys."""
    found = []
    for entry in inventory.entries():
        sealed = [f.name for f in entry.model._meta.fields if isinstance(f, SealedMixin)]
        found += [repr(row) for row in entry.model._base_manager.values_list(*sealed)] if sealed else []
    return "\n".join(found)


def upload(member: User, word: str) -> None:
    path = erasing.directory_of(member) / f"{word}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(word)


def belongings(member: User) -> dict[str, list[dict[str, Any]]]:
    """Return every row of a member, by kind."""
    return {entry.label: list(entry.rows([member.pk]).order_by("pk").values()) for entry in inventory.entries()}
