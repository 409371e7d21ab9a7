"""Read from a request what is recorded of it: which page, from where, with what. Never a search, never a secret."""

import re
from datetime import datetime

from django.http import HttpRequest

from accounts.services.visits import Seen
from consent import origin

# What these parts of an address stand for is public, or the member's own; any other may be a key to something.
TELLING = {"slug", "kind", "version", "older", "newer", "number"}
CAPTURED = re.compile(r"<[^>]*>|\(\?P<[^)]*\)")
UNKNOWN = "（没有这个页面）"
LONGEST = 200


def is_page(request: HttpRequest) -> bool:
    """Tell a page that a person opened from what the page itself fetches (Fetch Metadata, W3C)."""
    return request.META.get("HTTP_SEC_FETCH_DEST", "document") == "document"


def page_of(request: HttpRequest) -> str:
    """Name the page without its query, and without what in its address may be a key, such as a case's code."""
    match = request.resolver_match
    if match is None:
        return UNKNOWN
    if set(match.kwargs) <= TELLING and not match.args:
        return request.path[:LONGEST]
    return f"/{CAPTURED.sub('…', match.route).strip('^$')}"[:LONGEST]


def seen_of(request: HttpRequest, *, member_id: int, at: datetime) -> Seen:
    """Put together the line that is recorded."""
    came_from = origin.of(request)
    language = request.META.get("HTTP_ACCEPT_LANGUAGE", "").split(",")[0].split(";")[0].strip()
    return Seen(member_id, at, page_of(request), came_from.ip, came_from.browser[:LONGEST], language[:20])
