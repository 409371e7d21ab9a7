"""The demo's inbox: what would have gone to telephones and mailboxes, one file a message, the newest fifty."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

KEPT = 50


@dataclass(frozen=True)
class Letter:
    """One message as the inbox page shows it."""

    channel: str
    to: str
    subject: str
    text: str
    at: datetime


def is_on() -> bool:
    """Tell whether this portal is a demo that shows everybody's messages."""
    return settings.DEMO_INBOX_DIR is not None


def put(*, channel: str, to: str, subject: str, text: str) -> None:
    """Lay one message into the inbox and drop the oldest beyond fifty."""
    folder = _folder()
    now = timezone.now()
    letter = Letter(channel=channel, to=to, subject=subject, text=text, at=now)
    target = folder / f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.json"
    # A reader must never meet half a file: write beside, then rename.
    draft = target.with_suffix(".part")
    draft.write_text(json.dumps(asdict(letter), default=str, ensure_ascii=False), encoding="utf-8")
    os.replace(draft, target)
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def newest() -> list[Letter]:
    """Read what lies in the inbox, the newest first."""
    letters = (_read(path) for path in sorted(_folder().glob("*.json"), reverse=True))
    return [letter for letter in letters if letter is not None]


def _read(path: Path) -> Letter | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:  # dropped by a newer message in between
        return None
    return Letter(**{**said, "at": datetime.fromisoformat(said["at"])})


def _folder() -> Path:
    folder = Path(settings.DEMO_INBOX_DIR or "")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
