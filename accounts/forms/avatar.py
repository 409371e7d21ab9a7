"""A member's picture of themselves: chosen, replaced, shown to whom they like."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from accounts.models import Audience, Avatar
from consent import pictures
from consent.models import Permission

# What a request with this form carries, by permission; see `consent.permissions.refusal`.
FIELDS = {"picture": Permission.Kind.PICTURES}


class AvatarForm(forms.Form):
    """Takes a file only where pictures are let in; for whom the one there is can be chosen without."""

    picture = forms.FileField(
        label="选择图片",
        help_text="JPEG、PNG 或 WebP，10 MB 以内。取中间的正方形，去掉拍摄地点等隐藏信息。",
        error_messages={"required": "请选择一张图片", "empty": "文件是空的，请重新选择"},
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )
    audience = forms.ChoiceField(label="谁能看到头像", choices=Audience.choices)

    def __init__(self, *args: Any, avatar: Avatar | None, takes_pictures: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.takes_pictures = takes_pictures
        self.avatar = avatar
        if avatar:
            self.fields["picture"].label = "换一张"
            self.fields["picture"].required = False
            self.fields["audience"].initial = avatar.audience
        if not takes_pictures:
            del self.fields["picture"]

    def clean_picture(self) -> pictures.Picture | None:
        upload: UploadedFile | None = self.cleaned_data["picture"]
        if upload is None:
            return None
        pictures.is_small_enough(upload)
        return pictures.square(upload)
