"""Coming back."""

from contextlib import suppress
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import context, ratelimit
from django import forms
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.forms.contact import cleaned_contact, refuse_when_flooded, refuse_when_too_soon
from accounts.models import User
from accounts.proven import has_entered_a_code

HOW_TO_CHOOSE = "至少 10 位，不要只用数字，也不要用常见的词、生日、连续的键或自己的手机号"


def _forgotten() -> SafeString:
    return format_html('<a href="{}">忘记密码？</a>', reverse("account_reset_password"))


FORGOTTEN = lazy(_forgotten, SafeString)()


def without_placeholders(form: forms.Form) -> None:
    """Take away the grey words in the fields: they vanish as one types, the label stays."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


def login_field() -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})
    return forms.CharField(label="手机号或邮箱", max_length=254, widget=widget)


def owner_of(email: str) -> User | None:
    """Find whose proven address this is; who only typed it must not be let in by its owner's code.

    Asks as much about nobody's address as about somebody's: how long it takes tells no one who is a member.
    """
    claims = dict(EmailAddress.objects.filter(email=email).values_list("user_id", "verified"))
    proven = [member for member, verified in claims.items() if verified]
    found = User.objects.sealed().filter(Q(pk__in=proven) | Q(email=email))
    # An account whose address was never asked about, such as a colleague's, is its owner's unless somebody proved it.
    owners = [member for member in found if claims.get(member.pk, True)]
    return max(owners, key=lambda member: member.pk in claims, default=None)


def _is_asked_for_a_code(member: User, contact: str) -> bool:
    """Tell whether who signs in by this contact has proven none; the look-up of the password has read the address."""
    if member.phone_verified:
        return False
    with suppress(EmailAddress.DoesNotExist):
        return not EmailAddress.objects.get_for_user(member, contact).verified
    return True


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = login_field()
        self.fields["password"].help_text = FORGOTTEN
        without_placeholders(self)
        self.order_fields(["login", "password"])

    def clean_login(self) -> str:
        return cleaned_contact(self.cleaned_data["login"])

    def _clean_with_password(self, credentials: dict[str, str]) -> Any:
        """Say in its own words when a code for an unproven contact was sent a moment ago, or often enough for a day."""
        try:
            cleaned = super()._clean_with_password(credentials)
        except forms.ValidationError as refusal:
            if refusal.code == "too_many_login_attempts":
                raise get_adapter().validation_error("rate_limited") from None
            raise
        contact = self.cleaned_data["login"]
        if _is_asked_for_a_code(self.user, contact):
            refuse_when_flooded(contact)
        return cleaned


class OneContactMixin(forms.Form):
    """One field for a number or an address, where allauth has two, or knows addresses only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {"login": login_field()}

    def clean_login(self) -> str:
        contact = cleaned_contact(self.cleaned_data["login"])
        refuse_when_flooded(contact)
        return contact

    def clean(self) -> dict[str, Any]:
        """Hand what was typed to the field it would have been on allauth's own form."""
        contact = self.cleaned_data.get("login", "")
        if contact:
            name = "email" if "@" in contact else "phone"
            self.cleaned_data[name] = contact
            getattr(self, f"clean_{name}")()
        return self.cleaned_data


class RequestLoginCodeForm(OneContactMixin, allauth_forms.RequestLoginCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user: User | None = None

    def clean_email(self) -> str:
        self._user = owner_of(self._counted("email"))
        return str(self.cleaned_data["email"])

    def clean_phone(self) -> str:
        self._user = User.objects.with_proven_phone(self._counted("phone"))
        return str(self.cleaned_data["phone"])

    def _counted(self, name: str) -> str:
        """Return the contact, unless codes were asked for too often."""
        contact: str = self.cleaned_data[name]
        if not ratelimit.consume(context.request, action="request_login_code", key=contact):
            raise get_adapter().validation_error("rate_limited")
        return contact


class ResetPasswordForm(OneContactMixin, allauth_forms.ResetPasswordForm):
    users: list[User]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        owner = owner_of(email)
        self.users = [owner] if owner else []
        return email

    def clean_phone(self) -> str:
        """Leave a number to the code that is sent to it."""
        return str(self.cleaned_data["phone"])


class ChangePhoneForm(allauth_forms.ChangePhoneForm):
    def clean_phone(self) -> str:
        phone: str = super().clean_phone()
        refuse_when_flooded(phone)
        refuse_when_too_soon(phone)
        return phone


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    """Ask for the old password, unless the member has just come in by a code: so a forgotten one is replaced."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        self.fields["oldpassword"].help_text = FORGOTTEN
        self.fields["password1"].help_text = HOW_TO_CHOOSE
        without_placeholders(self)
        if has_entered_a_code(context.request, self.user):
            del self.fields["oldpassword"]


class ReauthenticateForm(allauth_forms.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        without_placeholders(self)


class ResetPasswordKeyForm(allauth_forms.ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        self.fields["password1"].help_text = HOW_TO_CHOOSE
        without_placeholders(self)


class SetPasswordForm(allauth_forms.SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]
        self.fields["password1"].help_text = HOW_TO_CHOOSE
        without_placeholders(self)


class AddEmailForm(allauth_forms.AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "邮箱"
        without_placeholders(self)

    def clean_email(self) -> str:
        email: str = super().clean_email()
        refuse_when_flooded(email)
        refuse_when_too_soon(email)
        return email
