"""allauth's forms of the second step, in our words (`MFA_FORMS`)."""

from typing import Any

from allauth.mfa.base import forms as base_forms
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as webauthn_forms
from django import forms


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
    pass


class ReauthenticateCodeForm(CodeMixin, base_forms.ReauthenticateForm):
    pass


class ActivateTOTPForm(CodeMixin, totp_forms.ActivateTOTPForm):
    code_label = "六位数字"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class AddKeyForm(NameMixin, webauthn_forms.AddWebAuthnForm):
    pass


class EditKeyForm(NameMixin, webauthn_forms.EditWebAuthnForm):
    pass
