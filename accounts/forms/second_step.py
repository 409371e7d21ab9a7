"""allauth's forms of the second step, in our words (`MFA_FORMS`)."""

from typing import Any

from allauth.mfa.base import forms as base_forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as webauthn_forms
from django import forms

UNKNOWN_KEY = "没有认出这个通行密钥：它可能已从账号移除。请换一个，或用密码、验证码登录"


class CodeMixin(forms.Form):
    """Call the field what it is. A recovery code has letters, so the keyboard may not be one of digits only."""

    code_label = "验证码或恢复码"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.fields["code"]
        code.label = self.code_label
        code.widget.attrs.pop("placeholder", None)
        code.widget.attrs.update({"autofocus": True, "class": "code", "autocapitalize": "off", "spellcheck": "false"})


class NameMixin(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "名称"
        self.fields["name"].widget.attrs.update({"autocomplete": "off", "maxlength": 60})


class AuthenticateForm(CodeMixin, base_forms.AuthenticateForm):
    """Knows which ways the member has, so that the page asks for nothing they cannot give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ways = set(Authenticator.objects.filter(user=self.user).values_list("type", flat=True))
        self.has_key = Authenticator.Type.WEBAUTHN in ways
        self.has_digits = Authenticator.Type.TOTP in ways
        self.fields["code"].label = self.code_label if self.has_digits else "恢复码"
        if self.has_key:
            del self.fields["code"].widget.attrs["autofocus"]


class ReauthenticateCodeForm(CodeMixin, base_forms.ReauthenticateForm):
    pass


class ActivateTOTPForm(CodeMixin, totp_forms.ActivateTOTPForm):
    code_label = "六位数字"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class AddKeyForm(NameMixin, webauthn_forms.AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["passwordless"].label = "也用它单独登录，不输密码"
        self.fields["passwordless"].help_text = "需要支持指纹、面容或 PIN 的设备，也就是常说的“通行密钥”。"


class EditKeyForm(NameMixin, webauthn_forms.EditWebAuthnForm):
    pass


class LoginKeyForm(webauthn_forms.LoginWebAuthnForm):
    def clean_credential(self) -> Authenticator:
        """Say what to do about a key that is not ours, or was removed here and not from the device."""
        try:
            return super().clean_credential()
        except forms.ValidationError:
            raise forms.ValidationError(UNKNOWN_KEY, code="unknown_key") from None
