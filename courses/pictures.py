"""Pictures as we keep them: decoded, without metadata, in one format, under a name that says nothing."""

import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.base import ContentFile
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 40_000_000
WIDEST = 1600
THUMBNAIL = 320


@dataclass(frozen=True)
class Picture:
    """A re-encoded picture and its size."""

    content: "ContentFile[bytes]"
    width: int
    height: int


def random_name(_instance: Any, filename: str) -> str:
    """Name a stored file after nothing but its kind: a guess finds no file, a name tells no secret."""
    return f"courses/{uuid.uuid4().hex}.{filename.rpartition('.')[2].lower()}"


def is_new(file: Any) -> bool:
    """Tell whether a field holds an upload that has not been stored yet."""
    return bool(file) and not file._committed


def is_picture(upload: Any) -> None:
    """Refuse what is no picture, judged by its content, before anything decodes all of its pixels.

    :raises ValidationError: in words for the editor
    """
    try:
        with Image.open(upload, formats=FORMATS) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as broken:
        raise ValidationError("这不是 JPEG、PNG 或 WebP 图片") from broken
    finally:
        upload.seek(0)
    if width * height > MOST_PIXELS:
        raise ValidationError("图片太大，请缩小到四千万像素以内")


def tidy(upload: "File[bytes]") -> Picture:
    """Decode a picture and encode it anew, upright, no wider than a page needs, without any metadata."""
    is_picture(upload)
    with Image.open(upload, formats=FORMATS) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
    upright.thumbnail((WIDEST, WIDEST * 2))
    return _encode(upright)


def blur(upload: "File[bytes]") -> Picture:
    """Make a small picture in which nothing can be recognised."""
    upload.seek(0)
    with Image.open(upload, formats=FORMATS) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    # Down to a dozen dots and up again: a blur alone can be sharpened, dots that are gone cannot.
    dots = small.resize((12, max(1, round(12 * small.height / small.width))), Image.Resampling.BOX)
    blurred = dots.resize(small.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(8))
    return _encode(blurred)


def _encode(image: Image.Image) -> Picture:
    image.info.clear()  # Pillow would carry comments and profiles over
    out = BytesIO()
    image.save(out, "WEBP", quality=84, method=3)
    return Picture(ContentFile(out.getvalue(), name="picture.webp"), image.width, image.height)
