"""Handing out a stored file, whole or in ranges, so that a video can be played from anywhere (RFC 9110, 13 and 14)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date, parse_http_date_safe

CHUNK = 64 * 1024
# An answer to "from here to the end" stops here and the player asks again: a paused video holds no server thread.
LONGEST_OPEN_RANGE = 4 * 1024 * 1024
CONTENT_TYPES = {
    "webp": "image/webp",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "vtt": "text/vtt; charset=utf-8",
    "zip": "application/zip",
}
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
# Each time the browser asks whether the person may still see it; when they may, nothing is sent twice.
ASK_EACH_TIME = "private, no-cache"
# On a tab of its own a picture is a page, and Back brings a page out of memory without asking anybody.
KEEP_NOTHING = "private, no-store"
FOR_GOOD = "public, max-age=31536000, immutable"


def content_type(name: str) -> str:
    return CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


class Unsatisfiable(Exception):
    """The range begins behind the end of the file."""


@dataclass(frozen=True)
class Stored:
    """What has to be known about a file to answer for it."""

    name: str
    size: int
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{int(self.modified.timestamp() * 1_000_000):x}-{self.size:x}"'


def respond(request: HttpRequest, field: FieldFile, *, cache: str = ASK_EACH_TIME) -> HttpResponseBase:
    """Answer with a file whose right to be seen has been checked.

    :raises Http404: when there is no such file
    """
    stored = _stored(field)
    if settings.MEDIA_ACCEL_PREFIX:
        response: HttpResponseBase = HttpResponse()
        response["X-Accel-Redirect"] = settings.MEDIA_ACCEL_PREFIX + quote(stored.name)
    else:
        response = _conditional(request, field, stored)
    if response.status_code < 300:
        response["Content-Type"] = content_type(stored.name)
    response["Cache-Control"] = cache
    if cache == ASK_EACH_TIME:
        _keep_from_history(request, response)
    return response


def _keep_from_history(request: HttpRequest, response: HttpResponseBase) -> None:
    """Let no button of the browser show again what its owner, or we, have closed since."""
    patch_vary_headers(response, ["Cookie", "Sec-Fetch-Dest"])
    if request.headers.get("Sec-Fetch-Dest") == "document":
        response["Cache-Control"] = KEEP_NOTHING


def _stored(field: FieldFile) -> Stored:
    if not field:
        raise Http404
    try:
        return Stored(field.name or "", field.size, field.storage.get_modified_time(field.name or ""))
    except FileNotFoundError as gone:
        raise Http404 from gone


def _conditional(request: HttpRequest, field: FieldFile, stored: Stored) -> HttpResponseBase:
    modified = int(stored.modified.timestamp())
    unchanged = get_conditional_response(request, etag=stored.etag, last_modified=modified)
    response = unchanged or _whole_or_part(request, field, stored)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = stored.etag
    response["Last-Modified"] = http_date(modified)
    return response


def _whole_or_part(request: HttpRequest, field: FieldFile, stored: Stored) -> HttpResponseBase:
    try:
        part = _asked(request, stored)
    except Unsatisfiable:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{stored.size}"})
    if part is None:
        return _send(request, field, range(stored.size), status=200)
    response = _send(request, field, part, status=206)
    response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
    return response


def _asked(request: HttpRequest, stored: Stored) -> range | None:
    """Return the part asked for; None for the whole.

    Several ranges at once, or none that we understand, are answered with the whole, as the standard allows.

    :raises Unsatisfiable: when nothing of the file lies in the range
    """
    found = RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or not found or not any(found.groups()) or not _still_the_same(request, stored):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, stored.size - int(last)), stored.size
    else:
        start = int(first)
        stop = min(stored.size, int(last) + 1 if last else start + LONGEST_OPEN_RANGE)
        if last and int(last) < start:
            return None
    if start >= stop:
        raise Unsatisfiable
    return range(start, stop)


def _still_the_same(request: HttpRequest, stored: Stored) -> bool:
    """Tell whether a part may be sent to somebody who has another part already (If-Range)."""
    known = request.headers.get("If-Range", stored.etag)
    return known == stored.etag or parse_http_date_safe(known) == int(stored.modified.timestamp())


def _send(request: HttpRequest, field: FieldFile, part: range, *, status: int) -> HttpResponseBase:
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse(status=status)
    else:
        response = StreamingHttpResponse(_chunks(field, part), status=status)
    response["Content-Length"] = str(len(part))
    return response


def _chunks(field: FieldFile, part: range) -> Iterator[bytes]:
    with field.storage.open(field.name or "") as file:
        file.seek(part.start)
        left = len(part)
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
