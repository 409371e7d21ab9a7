"""Putting a lesson's pictures into its text."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from courses.models import Media

IMAGE = re.compile(r'<img src="(?P<name>[\w-]+)"[^>]*>')
LONE_IMAGE = re.compile(rf"<p>{IMAGE.pattern}</p>")


def place(html: str, pictures: Sequence["Media"], *, veiled: bool = False) -> str:
    """Replace `![…](name)` by the picture of that name; pictures that the text does not mention follow it.

    Addresses are relative to the lesson's page, so that they stay right when a lesson is renumbered.
    """
    named = {picture.name: picture for picture in pictures}
    mentioned = set(IMAGE.findall(html))

    def figure(found: re.Match[str]) -> str:
        picture = named.get(found["name"])
        return _figure(picture, veiled=veiled) if picture else ""

    def image(found: re.Match[str]) -> str:
        picture = named.get(found["name"])
        return _image(picture, veiled=veiled) if picture else ""

    html = IMAGE.sub(image, LONE_IMAGE.sub(figure, html))
    return html + "".join(_figure(p, veiled=veiled) for p in pictures if p.name not in mentioned)


def _figure(picture: "Media", *, veiled: bool) -> SafeString:
    caption = format_html("<figcaption>{}</figcaption>", picture.caption) if picture.caption else ""
    return format_html("<figure>{}{}</figure>", _image(picture, veiled=veiled), caption)


def _image(picture: "Media", *, veiled: bool) -> SafeString:
    hidden = veiled and picture.is_professional
    return format_html(
        '<img src="files/{}/{}" alt="{}" width="{}" height="{}" loading="lazy"{}>',
        picture.name,
        "blurred/" if hidden else "",
        "专业图片，阅读提示后可以看清" if hidden else picture.alt,
        picture.width,
        picture.height,
        mark_safe(' class="is-veiled"') if hidden else "",
    )
