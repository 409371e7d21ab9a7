"""Videos: what we take."""

from typing import Any

from django.core.exceptions import ValidationError

EXTENSIONS = ("mp4", "webm")
MP4, WEBM = b"ftyp", b"\x1aE\xdf\xa3"


def is_video(upload: Any) -> None:
    """Refuse what no browser would play, judged by its first bytes.

    :raises ValidationError: in words for the editor
    """
    upload.seek(0)
    start = upload.read(12)
    upload.seek(0)
    known_name = upload.name.rpartition(".")[2].lower() in EXTENSIONS
    if not known_name or (start[4:8] != MP4 and start[:4] != WEBM):
        raise ValidationError("这不是 MP4 或 WebM 视频")
