"""The notice on every page of a member that a new version of what they agreed to has been announced."""

from django.http import HttpRequest
from django.utils import timezone

from consent import timeline
from consent.models import Acceptance, Document
from consent.timeline import Version

SEEN = "announcements_seen"
TOLD_OF = [kind for kind in Document.Kind.values if kind != Document.Kind.GATE]


def unseen(request: HttpRequest) -> list[Version]:
    """List what is to take effect and has not been clicked away in this session."""
    coming = timeline.read().coming(timezone.now(), TOLD_OF)
    seen = request.session.get(SEEN, []) if coming else []
    return _concerning(request, [version for version in coming if version.pk not in seen])


def _concerning(request: HttpRequest, versions: list[Version]) -> list[Version]:
    """Leave out what was never agreed to; only while a separate consent is about to change does that need a query."""
    separate = [version.kind for version in versions if version.kind not in Document.BINDING]
    given: set[str] = set()
    if separate:
        said = Acceptance.objects.for_member(request.user).words_on(separate)
        given = {word.kind for word in said if word.action == Acceptance.Action.GIVEN}
    return [version for version in versions if version.kind in Document.BINDING or version.kind in given]


def remember(request: HttpRequest) -> None:
    request.session[SEEN] = [version.pk for version in timeline.read().coming(timezone.now(), TOLD_OF)]
