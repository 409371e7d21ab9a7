"""A backup that is restored, as far as a test needs one; the whole of it is in tests/accounts/test_restored_dump.py."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts import services
from accounts.models import Closure, Erasure, Message, User
from accounts.services import restoring


def leave(*members: User, now: datetime) -> None:
    """Have these members leave at once, and be gone."""
    for member in members:
        services.close_account(member=member, now=now)
        services.delete_now(member=member, now=now)
    assert services.purge_due(now=now) == len(members)


def told() -> list[dict[str, Any]]:
    """Read the lines of the ledger."""
    paths = sorted(Path(settings.LEDGER_DIR).glob("erasures-*.log"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


class Backup:
    """Rows of a few tables as they were, put back as a restored dump would."""

    def __init__(self, *members: User) -> None:
        self.members = [User.objects.values().get(pk=member.pk) for member in members]
        self.closures = list(Closure.objects.values())
        self.erasures = list(Erasure.objects.values())

    def restore(self) -> None:
        Closure.objects.all()._raw_delete("default")
        Erasure.objects.all().delete()
        Message.objects.all().delete()
        User.objects.filter(pk__in=[row["id"] for row in self.members]).delete()
        Erasure.objects.bulk_create(Erasure(**row) for row in self.erasures)
        User.objects.bulk_create(User(**row) for row in self.members)
        Closure.objects.bulk_create(Closure(**row) for row in self.closures)
        restoring.look_again()
