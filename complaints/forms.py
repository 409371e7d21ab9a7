"""What a person writes to us, and what staff write back."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from django import forms

from accounts import phone
from complaints import codes
from complaints.attaching import TakesPictures
from complaints.models import Case
from complaints.services import Contact

# Marks that turn the direction of the text after them: they can make a sentence read as its opposite.
TURNING_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LONGEST = 5000


@dataclass(frozen=True)
class Guidance:
    """What helps to write about one kind of matter."""

    lead: str
    subject: str
    body: str


GUIDANCE = {
    Case.Kind.COMPLAINT: Guidance(
        lead="课程、付款、内容或我们的工作人员有让您不满意的地方，请告诉我们。",
        subject="例如：课程第二讲无法播放",
        body="发生了什么、什么时候、您希望怎样解决。有订单号的请写上。",
    ),
    Case.Kind.APPEAL: Guidance(
        lead="对我们作出的处理不认同，可以请另一位同事重新看一遍。",
        subject="例如：对投诉处理结果的申诉",
        body="请写上原来的编号，以及您认为哪里不对、理由是什么。",
    ),
    Case.Kind.CONSULTATION: Guidance(
        lead="使用本站遇到的问题、个人信息方面的疑问，都可以问。",
        subject="例如：怎样更换登录手机号",
        body="请把问题写清楚。请不要写患者的姓名、病历号等信息。",
    ),
    Case.Kind.IP_NOTICE: Guidance(
        lead="本站的内容侵犯了您的著作权或其他权利，请在这里通知我们。",
        subject="例如：某篇文章未经许可使用了我的图片",
        body="请写明您的权利、侵权内容的网址和您的要求。处理时我们需要把您的通知转给对方。",
    ),
}


class Prose(forms.CharField):
    """Text as a person meant it: one kind of line end, and nothing that turns the reading direction."""

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value) or "")
        return TURNING_MARKS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _words(label: str, *, rows: int, **options: Any) -> Prose:
    return Prose(
        label=label,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": rows}),
        error_messages={"required": "请写下内容", "max_length": "最多 %(limit_value)d 个字，现在有 %(show_value)d 个"},
        **options,
    )


class CaseForm(TakesPictures):
    """Ask something of us."""

    subject = Prose(
        label="标题",
        max_length=60,
        error_messages={"required": "请用一句话写下是什么事", "max_length": "标题最多 60 个字"},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    body = _words("详细情况", rows=8)
    contact_name = Prose(
        label="怎么称呼您",
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    contact_phone = forms.CharField(
        label="手机号",
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
    )
    contact_email = forms.EmailField(
        label="邮箱",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"inputmode": "email", "autocomplete": "email"}),
    )
    form_token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, kind: Case.Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        guidance = GUIDANCE[kind]
        self.fields["subject"].widget.attrs["placeholder"] = guidance.subject
        self.fields["body"].help_text = guidance.body

    def clean_contact_phone(self) -> str:
        """Return the number as E.164, so that an SMS can be sent to it."""
        typed = self.cleaned_data["contact_phone"]
        try:
            return phone.normalised(typed) if typed else ""
        except phone.NotAMobileNumber:
            raise forms.ValidationError("这不像一个手机号，请检查；不想留可以空着") from None

    def contact(self) -> Contact:
        said = self.cleaned_data
        return Contact(name=said["contact_name"], phone=said["contact_phone"], email=said["contact_email"])


class SaidForm(TakesPictures):
    """Add to a dialogue; `seen` tells how much of it the writer had before them."""

    body = _words("补充说明", rows=4)
    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class ClaimCodeForm(forms.Form):
    """Look up a case by its code."""

    code = forms.CharField(
        label="查询码",
        max_length=60,
        help_text="提交时显示的 16 位字母和数字，大小写、横线和空格不影响。",
        error_messages={"required": "请输入查询码"},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def clean_code(self) -> str:
        code = codes.normalise(self.cleaned_data["code"])
        if len(code) != codes.CODE_LENGTH:
            raise forms.ValidationError("查询码是 16 位，请核对")
        return code
