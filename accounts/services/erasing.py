"""What the purge does to the members of a batch until they are gone; each function is safe to repeat."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import TextField
from django.db.models.functions import Cast

from accounts import closing
from accounts.models import Closure, Message, User
from accounts.models.message import hash_of_destination
from accounts.services import residue
from accounts.services.disclosing import drop_proposals
from accounts.services.sessions import (
    delete_sessions_about,
    drop_cached_sessions_about,
    forget_last_sessions,
    forget_last_stored_sessions,
)
from consent import inventory
from consent.lookups import Among

WRITTEN_AT_ONCE = 500
end_sessions = delete_sessions_about
clear_caches = drop_cached_sessions_about


def remove_files(members: Iterable[User]) -> dict[int, int]:
    """Remove everything these members ever uploaded, fragments that no row names included; count each one's files."""
    there = {member.pk: tree for member in members if os.path.lexists(tree := _tree_of(member))}
    removed = {pk: _files_in(tree) for pk, tree in there.items()}
    for tree in there.values():
        shutil.rmtree(tree)
    return removed


def files_of(member: User) -> int:
    """Count what a member has uploaded, and the exports that were made for them."""
    return _files_in(_tree_of(member))


def directory_of(member: User) -> Path:
    return Path(_tree_of(member))


def _tree_of(member: User) -> str:
    return f"{settings.MEDIA_ROOT}/{member.media_prefix}"


def _files_in(tree: str) -> int:
    return sum(len(files) for _folder, _folders, files in os.walk(tree))


def keep_traces(members: Iterable[User]) -> None:
    """Keep, sealed beside the closure, what channels gave: it goes long before the last step looks for it."""
    found = closing.traces([member.pk for member in members])
    closures = list(Closure.objects.live().filter(member__pk__among=Among(found)).only("member", "traces"))
    for closure in closures:
        known = {*(closure.traces or {}).get("tokens", ()), *found[closure.member_id or 0]}
        closure.traces = {"tokens": sorted(known)}
    Closure.objects.bulk_update(closures, ["traces"], batch_size=WRITTEN_AT_ONCE)


def erase(
    members: Iterable[User], *, before_closures: Callable[[inventory.Counted], None] | None = None
) -> dict[int, Counter[str]]:
    """Erase every row of these members; count what each of them had. The caller checks the keys that are left.

    What is done `before_closures` are emptied is told what was counted.

    :raises IntegrityError: when something still points at a row that goes
    """
    ids = [member.pk for member in members]
    drop_proposals(member_ids=ids)
    _delete_log_entries(ids)
    return inventory.carry_out(member_ids=ids, before={Closure: before_closures} if before_closures else None)


def forget(members: Iterable[User], sought: residue.Identifiers) -> None:
    """Erase what has no key to them but bears their contacts or their session, and what was being written meanwhile.

    :raises redis.RedisError: when the cache does not answer
    """
    _delete_unowned(sought)
    forget_last_sessions(residue.Traces(sought))
    remove_files(members)


def rehearse_forgetting(_members: Iterable[User], sought: residue.Identifiers) -> None:
    """Do so in the database alone, which a transaction can undo."""
    _delete_unowned(sought)
    forget_last_stored_sessions(residue.Traces(sought))


def _delete_log_entries(ids: list[int]) -> None:
    """Delete what the admin's log says about rows that go; it may quote them."""
    written_about = set(LogEntry.objects.order_by().values_list("content_type", flat=True).distinct())
    for entry in filter(lambda entry: entry.deletes, inventory.entries()):
        kind = ContentType.objects.get_for_model(entry.model)
        if kind.pk in written_about:
            pks = entry.rows(ids).order_by().values_list(Cast("pk", TextField()))
            LogEntry.objects.filter(content_type=kind, object_id__in=pks).delete()


def _delete_unowned(sought: residue.Identifiers) -> None:
    """Delete what bears their contacts but not their name: a code before signing in, an unproven claim."""
    contacts = sorted({contact for contact, _owner in sought.contacts})
    Message.objects.filter(member=None, to_hash__among=Among(map(hash_of_destination, contacts))).delete()
    EmailAddress.objects.filter(email__among=Among(contacts), verified=False).delete()
    closing.forget(contacts)
