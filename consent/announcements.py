"""The notice on every page of a member that a new version of what they agreed to has been announced."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from consent import timeline
from consent.models import Acceptance, Document
from consent.timeline import Version

SEEN, GIVEN = "announcements_seen", "announcements_given"
TOLD_OF = [kind for kind in Document.Kind.values if kind != Document.Kind.GATE]


def unseen(request: HttpRequest) -> list[Version]:
    """List what is to take effect and has not been clicked away in this session."""
    coming = timeline.read().coming(timezone.now(), TOLD_OF)
    seen = request.session.get(SEEN, []) if coming else []
    versions = [version for version in coming if version.pk not in seen]
    separate = [version for version in versions if version.kind not in Document.BINDING]
    given = _given(request, separate) if separate else set()
    return [version for version in versions if version.kind in Document.BINDING or version.kind in given]


def _given(request: HttpRequest, versions: Iterable[Version]) -> set[str]:
    """Tell which of these texts a member has agreed to; looked up once in a session, for it asks the database."""
    member: Any = request.user
    kinds = {version.kind for version in versions}
    known: dict[str, bool] = request.session.get(GIVEN, {})
    if not kinds <= known.keys():
        said = {word.kind: word.action for word in Acceptance.objects.for_member(member).words_on(kinds)}
        known = {kind: said.get(kind) == Acceptance.Action.GIVEN for kind in kinds}
        request.session[GIVEN] = known
    # Taken back on one device, a permission still rests on its sheet while another device has it open.
    open_somewhere = {kind for opened in member.open_permissions.values() for kind in opened}
    return {kind for kind in kinds if known[kind] or kind in open_somewhere}


def remember(request: HttpRequest) -> None:
    request.session[SEEN] = [version.pk for version in timeline.read().coming(timezone.now(), TOLD_OF)]
