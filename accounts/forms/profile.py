"""What a member says about themselves, and for whom each thing is."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Audience, Profile
from consent import timeline
from consent.forms import AgreementFormMixin
from consent.models import Document

NAME = Document.Kind.NAME
BOX = f"accept_{NAME}"
HINTS = {
    "name": "加密保存，用于称呼您和核对身份",
    "introduction": "专业方向、学术任职等，不超过 1000 字。请不要写患者的情况",
}
COMPLETE = {"name": "name", "hospital": "organization", "title": "organization-title", "city": "address-level2"}


class ProfileForm(AgreementFormMixin):
    """Every field is voluntary; beside each stands who may see it."""

    def __init__(self, *args: Any, profile: Profile, name_is_agreed: bool, **kwargs: Any) -> None:
        is_open = NAME in timeline.read().in_force(timezone.now())
        self.asks_for_name = is_open and not name_is_agreed
        self.agreement_kinds = (NAME,) if self.asks_for_name else ()
        self.profile = profile
        super().__init__(*args, **kwargs)
        for name in Profile.FIELDS:
            self._add(name, publishable=name != "name" or is_open)
        if self.asks_for_name:
            self.fields[BOX].required = False

    def _add(self, name: str, *, publishable: bool) -> None:
        source = Profile.field_of(name)
        label = str(source.verbose_name)
        is_long = name == "introduction"
        widget = forms.Textarea(attrs={"rows": 5}) if is_long else forms.TextInput()
        widget.attrs["autocomplete"] = COMPLETE.get(name, "off")
        self.fields[name] = forms.CharField(
            label=label,
            required=False,
            max_length=source.max_length,
            widget=widget,
            initial=self.profile.value_of(name),
            help_text="；".join(filter(None, [HINTS.get(name), self._when(name)])),
        )
        self.fields[f"audience_{name}"] = forms.ChoiceField(
            label=f"谁能看到{label}",
            required=False,
            choices=[choice for choice in Audience.choices if publishable or choice[0] != Audience.EVERYBODY],
            initial=self.profile.audience_of(name),
        )

    def _when(self, name: str) -> str:
        moment = parse_datetime(self.profile.changed.get(name, ""))
        return f"{timezone.localtime(moment):%Y 年 %m 月 %d 日}更改" if moment else ""

    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Pair each field with who may see it."""
        return [(self[name], self[f"audience_{name}"]) for name in Profile.FIELDS]

    def box(self) -> forms.BoundField | None:
        return self[BOX] if self.asks_for_name else None

    def clean(self) -> dict[str, Any]:
        if not (self.asks_for_name and self.cleaned_data.get("audience_name") == Audience.EVERYBODY):
            return self.cleaned_data
        if not self.cleaned_data.get(BOX):
            self.add_error(BOX, "公开姓名需要您单独同意；也可以改为“会员”或“仅自己”")
            return self.cleaned_data
        return super().clean()

    @property
    def values(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in Profile.FIELDS}

    @property
    def audience(self) -> dict[str, str]:
        return {name: self.cleaned_data[f"audience_{name}"] or Audience.ONESELF for name in Profile.FIELDS}
