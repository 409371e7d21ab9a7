"""What the purge does to a batch of members: one function a step, each safe to repeat."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from accounts import closing
from accounts.models import Closure, Message, User
from accounts.models.message import hash_of_destination
from accounts.services import residue
from accounts.services.disclosing import drop_proposals
from accounts.services.sessions import LastSessions, delete_sessions_about, drop_cached_sessions_about
from consent import inventory
from consent.lookups import Among

end_sessions = delete_sessions_about
clear_caches = drop_cached_sessions_about


def remove_files(members: Iterable[User]) -> dict[int, int]:
    """Remove everything these members ever uploaded, fragments that no row names included; count each one's files."""
    trees = {member.pk: f"{settings.MEDIA_ROOT}/{member.media_prefix}" for member in members}
    there = {pk: tree for pk, tree in trees.items() if os.path.lexists(tree)}
    removed = {pk: sum(len(files) for _folder, _folders, files in os.walk(tree)) for pk, tree in there.items()}
    for tree in there.values():
        shutil.rmtree(tree)
    return removed


def directory_of(member: User) -> Path:
    return Path(settings.MEDIA_ROOT) / str(member.media_prefix)


def keep_traces(members: Iterable[User]) -> None:
    """Keep, sealed beside the closure, what channels gave: it goes long before the last step looks for it."""
    found = closing.traces([member.pk for member in members])
    for closure in Closure.objects.live().filter(member__pk__among=Among(found)):
        known = {*(closure.traces or {}).get("tokens", ()), *found[closure.member_id or 0]}
        closure.traces = {"tokens": sorted(known)}
        closure.save(update_fields=["traces"])


@transaction.atomic
def erase(members: Iterable[User]) -> None:
    """Erase every row of these members."""
    ids = [member.pk for member in members]
    drop_proposals(member_ids=ids)
    _delete_log_entries(ids)
    inventory.erase(member_ids=ids)


class LateComers:
    """What speaks of members and has no key to them: it bears their contacts, or was written until they were gone."""

    def __init__(self, traces: residue.Traces) -> None:
        self.contacts = sorted({contact for contact, _owner in traces.contacts})
        self._sessions = LastSessions(traces)

    def forget(self) -> None:
        """Delete it from table and cache.

        :raises redis.RedisError: when the cache does not answer
        """
        self._delete_unowned()
        self._sessions.forget()

    def forget_rows(self) -> None:
        """Delete it from the database alone, which a transaction can undo."""
        self._delete_unowned()
        self._sessions.forget_rows()

    def verify(self) -> None:
        """Make sure that no stored session speaks of them.

        :raises accounts.services.residue.Residue: when one does
        """
        self._sessions.verify()

    def _delete_unowned(self) -> None:
        """Delete what bears their contacts but not their name: a code before signing in, an unproven claim."""
        Message.objects.filter(to_hash__among=Among(map(hash_of_destination, self.contacts))).delete()
        EmailAddress.objects.filter(email__among=Among(self.contacts), verified=False).delete()
        closing.forget(self.contacts)


def _delete_log_entries(ids: list[int]) -> None:
    """Delete what the admin's log says about rows that go; it may quote them."""
    written_about = set(LogEntry.objects.order_by().values_list("content_type", flat=True).distinct())
    for entry in filter(lambda entry: entry.deletes, inventory.entries()):
        kind = ContentType.objects.get_for_model(entry.model)
        if kind.pk in written_about:
            pks = entry.rows(ids).order_by().values_list(Cast("pk", TextField()))
            LogEntry.objects.filter(content_type=kind, object_id__in=pks).delete()
