"""Forms of sign-up and sign-in in place of allauth's (`ACCOUNT_FORMS`), and those of 我的信息."""

from accounts.forms.avatar import AvatarForm
from accounts.forms.codes import (
    ConfirmEmailForm,
    ConfirmLoginCodeForm,
    ConfirmPasswordResetCodeForm,
    VerifyPhoneForm,
)
from accounts.forms.profile import ProfileForm
from accounts.forms.sign_in import (
    AddEmailForm,
    ChangePasswordForm,
    ChangePhoneForm,
    LoginForm,
    ReauthenticateForm,
    RequestLoginCodeForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SetPasswordForm,
)
from accounts.forms.sign_up import SignupForm, WeixinSignupForm

__all__ = [
    "AddEmailForm",
    "AvatarForm",
    "ChangePasswordForm",
    "ChangePhoneForm",
    "ConfirmEmailForm",
    "ConfirmLoginCodeForm",
    "ConfirmPasswordResetCodeForm",
    "LoginForm",
    "ProfileForm",
    "ReauthenticateForm",
    "RequestLoginCodeForm",
    "ResetPasswordForm",
    "ResetPasswordKeyForm",
    "SetPasswordForm",
    "SignupForm",
    "VerifyPhoneForm",
    "WeixinSignupForm",
]
