"""One line of the ledger, as it is written and read."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Erasure
from accounts.models.erasure import hash_of_subject

Key = tuple[str, str]  # what happened, and to which closure: that happens once
Kind = Erasure.Kind


@dataclass(frozen=True)
class Line:
    """What happened to one closure, as the ledger has it; with the signed receipt, if there was one by then."""

    sequence: int
    number: str
    at: datetime
    kind: str = Kind.ERASED
    subject: str = ""
    contacts: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    receipt: str = ""
    signature: str = ""
    signed_with: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.number

    def written(self) -> bytes:
        said = {"sequence": self.sequence, **self.__dict__, "kind": str(self.kind), "at": self.at.isoformat()}
        told = {name: value for name, value in said.items() if value or name == "sequence"}
        return json.dumps(told, separators=(",", ":")).encode("ascii") + b"\n"

    @classmethod
    def read(cls, text: bytes) -> "Line | None":
        """Read a line, also of the first ones, which knew erasures only and had the member's number itself."""
        try:
            said = json.loads(text)
            line = cls(**{**said, "at": datetime.fromisoformat(said["at"]), "subject": _hashed(said.get("subject"))})
        except (ValueError, TypeError, KeyError):
            return None
        is_right = isinstance(line.sequence, int) and line.kind in Kind.values and line.at.tzinfo is not None
        return line if is_right else None


def _hashed(subject: Any) -> str:
    if subject and len(subject) == len(UUID(int=0).hex):
        return hash_of_subject(UUID(subject))
    return subject or ""
