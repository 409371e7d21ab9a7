"""Entering the six digits."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms

from accounts import services


class SixDigitsMixin(forms.Form):
    """A code field that telephones fill in by themselves, and that does not mind a space."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = forms.CharField(
            label="验证码",
            max_length=12,
            widget=forms.TextInput(
                attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "class": "code"}
            ),
        )

    def clean_code(self) -> str:
        self.cleaned_data["code"] = "".join(self.cleaned_data["code"].split())
        code: str = super().clean_code()  # type: ignore[misc]
        return code


class ConfirmLoginCodeForm(SixDigitsMixin, allauth_forms.ConfirmLoginCodeForm):
    pass


class ConfirmPasswordResetCodeForm(SixDigitsMixin, allauth_forms.ConfirmPasswordResetCodeForm):
    pass


class VerifyPhoneForm(SixDigitsMixin, allauth_forms.VerifyPhoneForm):
    def clean_code(self) -> str:
        """Look whether the number is still free while nobody else can take it."""
        services.hold_contact(self.phone)
        return super().clean_code()


class ConfirmEmailForm(SixDigitsMixin, allauth_forms.ConfirmEmailVerificationCodeForm):
    def clean_code(self) -> str:
        """Look whether the address is still free while nobody else can take it."""
        services.hold_contact(self.email)
        return super().clean_code()
