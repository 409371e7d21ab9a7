"""Proving once more that it is the member who asks for what cannot be undone."""

from typing import Any, cast
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from django import forms
from django.http import HttpRequest
from django.utils import timezone

from accounts import services
from accounts.models import User
from accounts.phone import masked, masked_email
from accounts.services.confirmation import Pending

TOO_OFTEN = "尝试次数过多，请 1 分钟后再试"


def pending_key(act: str) -> str:
    """Name where a session remembers the code that was sent for an act: it proves nothing for another one."""
    return f"proof_code_{act}"


def queried(*, next_page: str | None, with_code: bool) -> str:
    """Write the query that an asking page is read with: where to go on, and that a code was sent."""
    asked = {**({"with": "code"} if with_code else {}), **({"next": next_page} if next_page else {})}
    return f"?{urlencode(asked)}" if asked else ""


class ProofForm(forms.Form):
    """Asks for the password, or for a code that was just sent; whoever has neither is asked for nothing.

    Nothing may stand in the way of a right: not a lost telephone, and not a password that never was.
    """

    def __init__(self, *args: Any, request: HttpRequest, act: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.act, self.member = request, act, cast(User, request.user)
        self.contacts = services.contacts_of(self.member)
        self.pending = request.session.get(pending_key(act)) if request.GET.get("with") == "code" else None
        if self.pending:
            self.fields["code"] = _code_field()
        elif act != "prove" and self.member.has_usable_password():  # there allauth has a page for the password
            self.fields["password"] = _password_field()

    @property
    def next_page(self) -> str | None:
        return cast("str | None", get_next_redirect_url(self.request))

    @property
    def query(self) -> str:
        return queried(next_page=self.next_page, with_code=bool(self.pending))

    @property
    def ways(self) -> list[tuple[str, str]]:
        """List where a code could be sent: the channel, and words for its button."""
        shown = {"sms": f"发短信到 {masked(self.member.phone)}", "mail": f"发邮件到 {masked_email(self.member.email)}"}
        return [(channel, shown[channel]) for channel in self.contacts]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        self._count_try()
        if not self.member.check_password(password):
            raise forms.ValidationError("密码不正确", code="wrong")
        return password

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        self._count_try()
        key = pending_key(self.act)
        if not services.code_is_right(pending=cast(Pending, self.pending), code=code, now=timezone.now()):
            self.request.session[key] = self.pending
            raise forms.ValidationError("验证码不正确或已过期，可以重新获取", code="wrong")
        self.request.session.pop(key, None)  # it proves one act, once
        return code

    def clean(self) -> dict[str, Any]:
        if not self.fields and self.contacts:
            raise forms.ValidationError("请先获取验证码", code="no_proof")
        return self.cleaned_data

    def _count_try(self) -> None:
        if not ratelimit.consume(self.request, action="reauthenticate", user=self.member):
            raise forms.ValidationError(TOO_OFTEN, code="too_often")


def _password_field() -> forms.CharField:
    attrs = {"autocomplete": "current-password"}
    return forms.CharField(label="登录密码", strip=False, widget=forms.PasswordInput(attrs=attrs))


def _code_field() -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "class": "code"}
    return forms.CharField(label="验证码", max_length=12, widget=forms.TextInput(attrs=attrs))
