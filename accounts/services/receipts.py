"""The receipt of a leaving: what was deleted, what is held and why, signed so that it proves itself later.

It names nobody. Whoever has its number can read and verify it, also after the keys were changed: the first key of
`RECEIPT_KEYS` signs (Ed25519, RFC 8032), each of them verifies what it signed.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import timezone

from accounts.models import Closure
from accounts.models.closure import FILES, NAME_OF_FILES
from accounts.services.residue import Scan
from consent import inventory

FORMAT = 1
# "1 complaint" on that day may tell a reader whose it was; "fewer than 10" does not.
COARSE_BELOW = 10


@dataclass(frozen=True)
class Receipt:
    """A receipt that was read: its content, and whether it is what was signed."""

    content: dict[str, Any]
    signed: str
    signature: str
    public_key: str  # base64; empty when its key is not known here any more
    is_valid: bool

    @property
    def deleted(self) -> list[dict[str, Any]]:
        return [kind for kind in self.content["kinds"] if kind["outcome"] == "deleted"]

    @property
    def held(self) -> list[dict[str, Any]]:
        return [kind for kind in self.content["kinds"] if kind["outcome"] == "held"]

    def moment(self, name: str) -> datetime:
        return datetime.fromisoformat(self.content[name])


class Issuer:
    """Writes receipts after one search: what all of them say alike is put together once."""

    def __init__(self, scan: Scan, *, now: datetime) -> None:
        self.scan = scan
        self.signed_with, private = next(iter(settings.RECEIPT_KEYS.items()))
        self.key = _key_of(private)
        self.months = {Closure._meta.label: month_of(Closure.PersonalData.until.ends(now))}
        self.searched = {"tables": scan.tables, "columns": scan.columns, "files": scan.files, "keys": scan.keys}
        self.alike = {
            "format": FORMAT,
            "site": settings.SITE_URL,
            "finished_at": _written(now),
            "backups_until": _written(now + timedelta(days=settings.BACKUP_DAYS)),
        }

    def issue(self, closure: Closure) -> None:
        """Write and sign the receipt of a closure whose search found nothing; the caller saves it in that transaction.

        One that the ledger has given back after a restore stays as its member saved it.
        """
        if closure.receipt:
            return
        content = self.alike | {
            "number": closure.number,
            "requested_at": _written(closure.requested_at),
            "erased_at": _written(closure.erased_at) if closure.erased_at else self.alike["finished_at"],
            "kinds": list(self._kinds_of(closure)),
            "scan": self.searched
            | {
                "left": 0,  # else there would be no receipt
                "decided": sum(self.scan.found.get(closure.pk, {}).values()),
                "names": sum(self.scan.names.get(closure.pk, {}).values()),
            },
        }
        closure.receipt = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        signature = self.key.sign(closure.receipt.encode())
        closure.signature, closure.signed_with = base64.b64encode(signature).decode(), self.signed_with

    def _kinds_of(self, closure: Closure) -> Iterator[dict[str, str]]:
        """Say of each kind that the member had how many rows there were, and how long at most those stay that do."""
        months = closure.held_until | self.months
        for label, kind in _kinds().items():
            if rows := closure.tally.get(label):
                said = {**kind, "rows": _coarse(rows)}
                if label in months:
                    said["until"] = _at_the_latest(months[label], kind["until"])
                yield said


def month_of(moment: datetime) -> str:
    """Write down a month and no more: by the day, or the second, a row would be found that names nobody."""
    local = timezone.localtime(moment)
    return f"{local.year}-{local.month:02}"


def _at_the_latest(month: str, rule: str) -> str:
    year, _, number = month.partition("-")
    return f"最晚到{year}年{int(number)}月底（{rule}）"


@lru_cache(maxsize=1)
def _key_of(private: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(private)


def read(closure: Closure) -> Receipt:
    """Read a closure's receipt and verify its signature."""
    public = _public_key(closure.signed_with)
    return Receipt(
        content=json.loads(closure.receipt),
        signed=closure.receipt,
        signature=closure.signature,
        public_key=base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode() if public else "",
        is_valid=public is not None and _is_signed(public, closure),
    )


def _public_key(key_id: str) -> Ed25519PublicKey | None:
    private = settings.RECEIPT_KEYS.get(key_id)
    return Ed25519PrivateKey.from_private_bytes(private).public_key() if private else None


def _is_signed(public: Ed25519PublicKey, closure: Closure) -> bool:
    try:
        public.verify(base64.b64decode(closure.signature), closure.receipt.encode())
    except (InvalidSignature, ValueError):
        return False
    return json.loads(closure.receipt)["number"] == closure.number


@lru_cache(maxsize=1)
def _kinds() -> dict[str, dict[str, str]]:
    """Say of each kind what becomes of it, by the label under which it is counted."""
    of_rows = {entry.label: _outcome(entry) for entry in inventory.entries()}
    return {**of_rows, FILES: {"kind": NAME_OF_FILES, "outcome": "deleted"}}


def _outcome(entry: inventory.Entry) -> dict[str, str]:
    if entry.deletes:
        return {"kind": entry.name, "outcome": "deleted"}
    return {"kind": entry.name, "outcome": "held", "until": entry.kept_for, "because": entry.because}


def _coarse(rows: int) -> str:
    return str(rows) if rows >= COARSE_BELOW else f"少于 {COARSE_BELOW}"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
