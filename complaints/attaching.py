"""The part of a form that takes pictures: only from the sources that are open on this device."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from complaints.models import AT_ONCE, Picture
from complaints.services import Attached
from consent import permissions, pictures

Source = Picture.Source
FIELDS = {"photo": Source.CAMERA, "pictures": Source.PICTURES}
ONE = {"required": "没有收到文件，请重新选择", "empty": "文件是空的，请重新选择"}


class ManyFiles(forms.FileInput):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Several pictures, each decoded and encoded anew, so that nothing of the original file is kept."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[pictures.Picture]:
        uploads: list[UploadedFile] = data or []
        if len(uploads) > AT_ONCE:
            raise ValidationError(f"一次最多 {AT_ONCE} 张，选了 {len(uploads)} 张")
        return [self._tidied(upload, number) for number, upload in enumerate(uploads, 1)]

    def _tidied(self, upload: UploadedFile, number: int) -> pictures.Picture:
        try:
            pictures.is_small_enough(upload)
            return pictures.tidy(super().clean(upload))
        except ValidationError as refused:
            raise ValidationError(f"第 {number} 张：{refused.messages[0]}") from refused


class TakesPictures(forms.Form):
    """A form with a field for each source of pictures in `sources`."""

    def __init__(self, *args: Any, sources: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if Source.CAMERA in sources:
            self.fields["photo"] = _field("拍照", "请确认画面里没有不该出现的人和病历。", capture="environment")
        if Source.PICTURES in sources:
            self.fields["pictures"] = _field("从相册选择", "请先遮住患者的姓名、证件号和病历号。")

    def clean(self) -> dict[str, Any] | None:
        if sum(len(self.cleaned_data.get(name) or []) for name in FIELDS) > AT_ONCE:
            self.add_error(next(name for name in FIELDS if name in self.fields), f"照片和图片一次最多共 {AT_ONCE} 张")
        return self.cleaned_data

    def attached(self, request: HttpRequest) -> Attached | None:
        """Return the pictures of a valid form."""
        found = [(str(source), one) for name, source in FIELDS.items() for one in self.cleaned_data.get(name) or []]
        return Attached(permissions.device_of(request), found) if found else None

    def ask_again_for_pictures(self) -> None:
        """Say beside the field that the chosen pictures are gone: a browser does not send them twice."""
        for name in FIELDS:
            if name in self.fields and self.files.getlist(name) and not self.has_error(name):
                self.add_error(name, "还没有提交，请重新选择图片：浏览器不会替您保留")

    def picture_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in FIELDS if name in self.fields]


def _field(label: str, help_text: str, **attrs: str) -> PicturesField:
    kinds = {"accept": "image/jpeg,image/png,image/webp", **attrs}
    limits = f"JPEG、PNG 或 WebP，每张 10 MB 以内，一次最多 {AT_ONCE} 张。"
    return PicturesField(
        label=label,
        required=False,
        help_text=limits + help_text,
        error_messages=ONE,
        widget=ManyFiles(attrs=kinds),
    )
