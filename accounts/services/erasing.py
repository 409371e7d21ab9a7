"""What the purge does to a batch of members: one function a step, each safe to repeat."""

import shutil
from collections import Counter
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
from accounts.models import Message, User
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


@transaction.atomic
def erase_and_verify(members: Iterable[User], *, is_rehearsal: bool = False) -> dict[int, Counter[str]]:
    """Erase every row of these members, and look for traces before that is final; return what each of them had.

    Both in one transaction: the traces are known only from the rows that go, so a worker killed in between must find
    the rows again. A rehearsal does what its caller can undo, and leaves the cache alone.

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
    residue.verify(traces)
    sessions.verify()
    return tallies


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
