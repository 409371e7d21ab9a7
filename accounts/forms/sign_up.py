"""Becoming a member."""

import secrets
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.internal.flows.manage_email import email_already_exists
from allauth.core import context
from allauth.socialaccount import forms as social_forms
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import services
from accounts.forms.contact import refuse_when_flooded, refuse_when_too_soon
from accounts.forms.sign_in import HOW_TO_CHOOSE, without_placeholders
from accounts.models import User
from accounts.validators import refuse_own
from consent import origin
from consent.forms import AgreementFormMixin
from consent.models import Document


class JoiningMixin(AgreementFormMixin):
    """Ask whoever joins, whichever way they came, to agree to both texts and to be of age."""

    agreement_kinds = (Document.Kind.AGREEMENT, Document.Kind.PRIVACY)

    adult = forms.BooleanField(label="我已年满 18 周岁", error_messages={"required": "未满 18 周岁不能注册"})

    def custom_signup(self, request: HttpRequest, user: User) -> None:
        services.register(member=user, documents=self.accepted_documents, origin=origin.of(request), now=timezone.now())


class SignupForm(JoiningMixin, allauth_forms.SignupForm):
    """Ask for a number or an address, a password, and the agreement to both texts.

    `?by=email` chooses the address; without JavaScript too, and the choice goes along in a hidden field.
    """

    by = forms.ChoiceField(choices=[("phone", "手机号"), ("email", "邮箱")], widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = self.data.get("by") if self.is_bound else context.request.GET.get("by")
        self.kind = "email" if asked == "email" else "phone"
        self.fields["by"].initial = self.kind
        self._ask_for_one()
        without_placeholders(self)
        self.fields["password1"].help_text = HOW_TO_CHOOSE
        self.order_fields(["by", self.kind, "password1", "accept_agreement", "accept_privacy", "adult"])

    def _ask_for_one(self) -> None:
        del self.fields["phone" if self.kind == "email" else "email"]
        asked = self.fields[self.kind]
        asked.required = asked.widget.is_required = True
        asked.label = "邮箱" if self.kind == "email" else "手机号"
        asked.widget.attrs["autofocus"] = True

    def clean_phone(self) -> str:
        return self._clean_contact(self.cleaned_data["phone"])

    def clean_email(self) -> str:
        """Free an address that somebody only typed, then look whether it is taken: the owner is told, nobody else."""
        email = self._clean_contact(self.cleaned_data["email"].lower())
        services.hold_contact(email)
        services.drop_unproven_claims(email=email)
        email, self.account_already_exists = email_already_exists(email)
        return email

    def clean(self) -> dict[str, Any]:
        """Treat a contact that may not come back like one that is taken: only its owner is told why."""
        self._refuse_own_number()
        cleaned: dict[str, Any] = super().clean()
        contact = cleaned.get(self.kind)
        if contact and services.excluded_until(contact=contact):
            self.account_already_exists = True
        return cleaned

    def _refuse_own_number(self) -> None:
        """Refuse a password made of one's own number: allauth's check of it knows none at sign-up."""
        phone, password = self.cleaned_data.get("phone"), self.cleaned_data.get("password1")
        if phone and password:
            try:
                refuse_own(password, [phone])
            except forms.ValidationError as reason:
                self.add_error("password1", reason)

    def _clean_contact(self, contact: str) -> str:
        refuse_when_flooded(contact)
        refuse_when_too_soon(contact)
        return contact

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Make the account and its acceptances together or not at all."""
        if self.account_already_exists:
            self._go_through_the_motions(request)
        with transaction.atomic():
            return super().try_save(request)

    def _go_through_the_motions(self, request: HttpRequest) -> None:
        """Make an account as for anybody and undo it: a taken contact must not show by answering sooner."""
        asked = self.cleaned_data
        self.account_already_exists = False
        with transaction.atomic():
            self.cleaned_data = {**asked, "email": self.kind == "email" and f"{secrets.token_hex(8)}@invalid.example"}
            self.save(request)
            transaction.set_rollback(True)
        self.cleaned_data, self.account_already_exists = asked, True


class WeixinSignupForm(JoiningMixin, social_forms.SignupForm):
    """Ask who comes by WeChat for the agreement to both texts and nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, email_required=False)
        for contact in ("email", "phone"):
            del self.fields[contact]
        self.order_fields(["accept_agreement", "accept_privacy", "adult"])

    def clean(self) -> dict[str, Any]:
        """Turn away a WeChat that may not come back; whoever is here has just proven that it is theirs."""
        cleaned: dict[str, Any] = super().clean()
        contact = services.weixin_contact(self.sociallogin.account.uid)
        if until := services.excluded_until(contact=contact):
            self.add_error(None, services.may_not_join(until))
        return cleaned

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Make the account, its link and its acceptances together or not at all."""
        with transaction.atomic():
            return super().try_save(request)
