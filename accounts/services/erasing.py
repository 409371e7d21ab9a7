"""What the purge does to a batch of members: one function a step, each safe to repeat."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    found = closing.traces([member.pk for member in members])
    for closure in Closure.objects.live().filter(member__pk__among=Among(found)):
        closure.traces = sorted({*(closure.traces or []), *found[closure.member_id or 0]})
        closure.save(update_fields=["traces"])


@dataclass(frozen=True)
class Erased:
    """What each of the members had that are gone, what the scan looked at, and their contacts, for the ledger."""

    tallies: dict[int, Counter[str]]
    scan: residue.Scan
    contacts: list[tuple[str, int]] = field(repr=False)


@transaction.atomic
def erase_and_verify(
    members: Iterable[User], decided: Mapping[int, Mapping[str, int]] | None = None, *, is_rehearsal: bool = False
) -> Erased:
    """Erase every row of these members, and look for traces before that is final.

    What others said of them stays where it was `decided`.

    Both in one transaction: the traces are known only from the rows that go, so a worker killed in between must find
    the rows again. A rehearsal does what its caller can undo, and leaves files and the cache alone.

    :raises accounts.services.residue.Residue: when a trace is left; nothing has been erased then
    """
    members = list(members)
    ids = [member.pk for member in members]
    # Rows that somebody adds for them at this very moment wait behind this lock, and then find nobody to belong to.
    locked = User.objects.select_for_update().filter(pk__among=Among(ids)).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    traces = residue.Traces(members)
    sessions = LastSessions(members, traces)
    drop_proposals(member_ids=ids)
    tallies = inventory.tallies(member_ids=ids)
    _delete_log_entries(ids)
    _delete_unowned(traces)
    inventory.erase(member_ids=ids)
    if is_rehearsal:
        sessions.forget_rows()
    else:
        sessions.forget()
        remove_files(members)  # what was being written when the others went
    scan = residue.verify(traces, decided, rows_only=is_rehearsal)
    sessions.verify()
    return Erased(tallies, scan, traces.contacts)


def _delete_log_entries(ids: list[int]) -> None:
    """Delete what the admin's log says about rows that go; it may quote them."""
    written_about = set(LogEntry.objects.order_by().values_list("content_type", flat=True).distinct())
    for entry in filter(lambda entry: entry.deletes, inventory.entries()):
        kind = ContentType.objects.get_for_model(entry.model)
        if kind.pk in written_about:
            pks = entry.rows(ids).order_by().values_list(Cast("pk", TextField()))
            LogEntry.objects.filter(content_type=kind, object_id__in=pks).delete()


def _delete_unowned(traces: residue.Traces) -> None:
    """Delete what bears their addresses but not their name: a code asked for before signing in, an unproven claim."""
    addresses = sorted({contact for contact, _owner in traces.contacts})
    Message.objects.filter(to_hash__among=Among(map(hash_of_destination, addresses))).delete()
    EmailAddress.objects.filter(email__among=Among(addresses), verified=False).delete()
    closing.forget(addresses)
