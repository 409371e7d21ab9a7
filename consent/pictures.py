"""Uploaded pictures as we keep them: decoded, upright, without metadata, in one format."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.base import ContentFile
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 40_000_000
WIDEST = 1600
LARGEST = 10 * 1024 * 1024  # bytes of one upload of a member
AVATAR = 512  # pixels, each side


@dataclass(frozen=True)
class Picture:
    """A re-encoded picture and its size."""

    content: "ContentFile[bytes]"
    width: int
    height: int


def is_picture(upload: Any) -> None:
    """Refuse what is no picture, judged by its content, before anything decodes all of its pixels.

    :raises ValidationError: in words for whoever uploads
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


def is_small_enough(upload: "File[bytes]") -> None:
    """Refuse what is larger than a member may send.

    :raises ValidationError: in words for whoever uploads
    """
    if (upload.size or 0) > LARGEST:
        raise ValidationError(f"超过 {LARGEST // 1024 // 1024} MB")


def tidy(upload: "File[bytes]") -> Picture:
    """Decode a picture and encode it anew, upright, no wider than a page needs, without any metadata.

    :raises ValidationError: when it is none, or is torn off in the middle
    """
    image = _upright(upload)
    image.thumbnail((WIDEST, WIDEST * 2))
    return encode(image)


def square(upload: "File[bytes]") -> Picture:
    """Decode a picture and encode its middle anew as a square, upright, without any metadata.

    :raises ValidationError: when it is none, or is torn off in the middle
    """
    image = _upright(upload)
    side = min(AVATAR, *image.size)
    return encode(ImageOps.fit(image, (side, side)))


def _upright(upload: "File[bytes]") -> Image.Image:
    is_picture(upload)
    try:
        with Image.open(upload, formats=FORMATS) as image:
            return ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError) as broken:
        raise ValidationError("这张图片不完整，打不开") from broken


def encode(image: Image.Image) -> Picture:
    image.info.clear()  # Pillow would carry comments and profiles over
    out = BytesIO()
    image.save(out, "WEBP", quality=84, method=3)
    return Picture(ContentFile(out.getvalue(), name="picture.webp"), image.width, image.height)
