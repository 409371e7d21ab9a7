"""allauth's pages for the six digits, with the sentences it leaves out."""

from typing import Any

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter
from allauth.account.internal.decorators import login_not_required
from allauth.account.internal.flows.password_reset_by_code import PasswordResetVerificationProcess
from allauth.account.internal.flows.phone_verification import (
    PHONE_VERIFICATION_SESSION_KEY,
    ChangePhoneVerificationProcess,
    PhoneVerificationStageProcess,
)
from allauth.core.exceptions import RateLimited
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from accounts import services
from accounts.forms.contact import refuse_when_flooded
from accounts.stages import EXPIRED


def contact_of(process: Any) -> str:
    """Return the number or address that a code went to."""
    contact: str = process.state.get("phone") or process.state["email"]
    return contact


def is_still_theirs(process: Any) -> bool:
    """Tell whether a code went to a contact that its member still has, after they last locked their account."""
    member = process.user
    locked_at = member.locked_at.timestamp() if member.locked_at else 0
    return contact_of(process) in services.contacts_of(member).values() and process.state["at"] > locked_at


class SendAgainMixin:
    """Sends one more message, to whom nobody knows as well: allauth spares those, and so tells who is known."""

    request: HttpRequest

    def _resend_form_valid(self, _form: forms.Form) -> HttpResponse:
        try:
            refuse_when_flooded(contact_of(self._under_way))
            self._send_again(self._under_way)
        except RateLimited:
            messages.error(self.request, get_adapter().error_messages["rate_limited"])
        except forms.ValidationError as flooded:
            messages.error(self.request, flooded.message)
        return HttpResponseRedirect(self.request.get_full_path())

    @property
    def _under_way(self) -> Any:
        return self._process  # type: ignore[attr-defined]

    def _send_again(self, process: Any) -> None:
        process.record_resend()
        process.send()
        process.persist()


class SayExpiredMixin:
    """Says why one is back at the start."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if getattr(self, "_process", self) is None:
            messages.error(request, EXPIRED)
        return response


class ConfirmLoginCodeView(SendAgainMixin, SayExpiredMixin, allauth_views.ConfirmLoginCodeView):
    """Signs in by a code, if the contact that it went to is still the member's."""

    def _verify_form_valid(self, form: forms.Form) -> HttpResponse:
        if not is_still_theirs(self._process):
            self._process.abort()
            messages.error(self.request, EXPIRED)
            return redirect("account_login")
        return super()._verify_form_valid(form)


class ConfirmEmailView(SendAgainMixin, SayExpiredMixin, allauth_views.ConfirmEmailVerificationCodeView):
    """Proves an address by a code."""

    def _send_again(self, process: Any) -> None:
        process.generate_code()
        super()._send_again(process)


class StillTheirsMixin:
    """Sets no new password by a code to an address that the member has no more, or from before they locked it all."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        process = PasswordResetVerificationProcess.resume(request)
        if process is not None and process.user is not None and not is_still_theirs(process):
            process.abort()
            messages.error(request, EXPIRED)
            return redirect("account_reset_password")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class ConfirmResetView(StillTheirsMixin, allauth_views.ConfirmPasswordResetCodeView):
    """Takes the code of a password reset."""


class CompleteResetView(StillTheirsMixin, allauth_views.CompletePasswordResetView):
    """Takes the new password."""


class ChangingPhone(ChangePhoneVerificationProcess):
    """A number that a member is about to take; allauth sends its code only once."""

    can_resend = PhoneVerificationStageProcess.can_resend

    @classmethod
    def resume(cls, request: HttpRequest) -> Any:
        state = request.session.get(PHONE_VERIFICATION_SESSION_KEY)
        return cls(request, state=state).abort_if_invalid() if state else None


class VerifyNewPhoneView(SendAgainMixin, allauth_views._VerifyPhoneSignupView):
    """Proves the number that one signs up with."""

    @property
    def _under_way(self) -> Any:
        return self.process


class VerifyChangedPhoneView(SendAgainMixin, allauth_views._VerifyPhoneChangeView):
    """Proves the number that a member takes in place of another."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.process = ChangingPhone.resume(request)
        if not self.process:
            return redirect("account_change_phone")
        return super(allauth_views._VerifyPhoneChangeView, self).dispatch(request, *args, **kwargs)

    @property
    def _under_way(self) -> Any:
        return self.process


confirm_login_code = ConfirmLoginCodeView.as_view()
confirm_email = login_not_required(ConfirmEmailView.as_view())
confirm_reset = login_not_required(ConfirmResetView.as_view())
complete_reset = login_not_required(CompleteResetView.as_view())
_verify_new_phone = VerifyNewPhoneView.as_view()
_verify_changed_phone = never_cache(VerifyChangedPhoneView.as_view())


@login_not_required
def verify_phone(request: HttpRequest) -> HttpResponseBase:
    """Prove the number that one signs up with, or that a member changes to."""
    return _verify_changed_phone(request) if request.user.is_authenticated else _verify_new_phone(request)
