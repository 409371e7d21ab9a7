"""Files of courses: their names, and the copy in which nothing can be recognised."""

import uuid
from typing import Any

from django.core.files import File
from PIL import Image, ImageFilter

from consent.pictures import FORMATS, Picture, encode, is_picture, tidy

THUMBNAIL = 320


def random_name(_instance: Any, filename: str) -> str:
    """Name a stored file after nothing but its kind: a guess finds no file, a name tells no secret."""
    return f"courses/{uuid.uuid4().hex}.{filename.rpartition('.')[2].lower()}"


def is_new(file: Any) -> bool:
    """Tell whether a field holds an upload that has not been stored yet."""
    return bool(file) and not file._committed


def blur(upload: "File[bytes]") -> Picture:
    """Make a small picture in which nothing can be recognised."""
    upload.seek(0)
    with Image.open(upload, formats=FORMATS) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    # Down to a dozen dots and up again: a blur alone can be sharpened, dots that are gone cannot.
    dots = small.resize((12, max(1, round(12 * small.height / small.width))), Image.Resampling.BOX)
    blurred = dots.resize(small.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(8))
    return encode(blurred)


__all__ = ["Picture", "blur", "is_new", "is_picture", "random_name", "tidy"]
