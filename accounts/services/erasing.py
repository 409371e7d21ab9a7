"""What the purge does to a batch of members: one function a step, each safe to repeat."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
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
from accounts.services.sessions import LastSessions, delete_sessions_about, drop_cached_sessions_about
from consent import inventory

end_sessions = delete_sessions_about
clear_caches = drop_cached_sessions_about


def remove_files(members: Iterable[User]) -> int:
    """Remove everything these members ever uploaded, fragments that no row names included."""
    trees = [directory_of(member) for member in members]
    there = [tree for tree in trees if tree.exists()]
    for tree in there:
        shutil.rmtree(tree)
    return len(there)


def directory_of(member: User) -> Path:
    return Path(settings.MEDIA_ROOT) / str(member.media_prefix)


def keep_traces(members: Iterable[User]) -> None:
    """Keep, sealed beside the closure, what channels gave: it goes long before the last step looks for it."""
    members = list(members)
    found = closing.traces(members)
    for closure in Closure.objects.live().filter(member__in=[member for member in members if member.pk in found]):
        closure.traces = sorted({*(closure.traces or []), *found[closure.member_id or 0]})
        closure.save(update_fields=["traces"])


@transaction.atomic
def erase_and_verify(
    members: Iterable[User], decided: Mapping[int, Mapping[str, int]] | None = None, *, is_rehearsal: bool = False
) -> tuple[dict[int, Counter[str]], residue.Scan]:
    """Erase every row of these members, and look for traces before that is final.

    Return what each of them had, and what the scan looked at; what others said of them stays where it was `decided`.

    Both in one transaction: the traces are known only from the rows that go, so a worker killed in between must find
    the rows again. A rehearsal does what its caller can undo, and leaves files and the cache alone.

    :raises accounts.services.residue.Residue: when a trace is left; nothing has been erased then
    """
    ids = [member.pk for member in members]
    # Rows that somebody adds for them at this very moment wait behind this lock, and then find nobody to belong to.
    locked = list(User.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    traces, sessions = residue.Traces(locked), LastSessions(locked)
    tallies = inventory.tallies(member_ids=ids)
    _delete_log_entries(ids)
    _delete_unowned(locked)
    inventory.erase(member_ids=ids)
    if is_rehearsal:
        sessions.forget_rows()
    else:
        sessions.forget()
        remove_files(locked)  # what was being written when the others went
    scan = residue.verify(traces, decided, rows_only=is_rehearsal)
    sessions.verify()
    return tallies, scan


def _delete_log_entries(ids: list[int]) -> None:
    """Delete what the admin's log says about rows that go; it may quote them."""
    for entry in filter(lambda entry: entry.deletes, inventory.entries()):
        kind = ContentType.objects.get_for_model(entry.model)
        pks = entry.rows(ids).order_by().values_list(Cast("pk", TextField()))
        LogEntry.objects.filter(content_type=kind, object_id__in=pks).delete()


def _delete_unowned(members: Iterable[User]) -> None:
    """Delete what bears their addresses but not their name: a code asked for before signing in, an unproven claim."""
    addresses = residue.addresses_of(members)
    Message.objects.filter(to_hash__in=[hash_of_destination(to) for to in addresses]).delete()
    EmailAddress.objects.filter(email__in=addresses, verified=False).delete()
    closing.forget(addresses)
