"""The notice on every page of a member that a new version has been announced."""

from django.http import HttpRequest
from django.utils import timezone

from consent import timeline
from consent.models import Document
from consent.timeline import Version

SEEN = "announcements_seen"


def unseen(request: HttpRequest) -> list[Version]:
    """List what is to take effect and has not been clicked away in this session."""
    coming = timeline.read().coming(timezone.now(), Document.BINDING)
    seen = request.session.get(SEEN, []) if coming else []
    return [version for version in coming if version.pk not in seen]


def remember(request: HttpRequest) -> None:
    request.session[SEEN] = [version.pk for version in timeline.read().coming(timezone.now(), Document.BINDING)]
