"""allauth's pages for the six digits, with the sentences it leaves out."""

from typing import Any

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter
from allauth.account.internal.decorators import login_not_required
from allauth.core.exceptions import RateLimited
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from accounts import services
from accounts.forms.contact import refuse_when_flooded
from accounts.stages import EXPIRED


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
        member = self._process.user
        if contact_of(self._process) not in services.contacts_of(member).values():
            self._process.abort()
            messages.error(self.request, EXPIRED)
            return redirect("account_login")
        return super()._verify_form_valid(form)


class ConfirmEmailView(SendAgainMixin, SayExpiredMixin, allauth_views.ConfirmEmailVerificationCodeView):
    """Proves an address by a code."""

    def _send_again(self, process: Any) -> None:
        process.generate_code()
        super()._send_again(process)


class VerifyNewPhoneView(SendAgainMixin, allauth_views._VerifyPhoneSignupView):
    """Proves the number that one signs up with."""

    @property
    def _under_way(self) -> Any:
        return self.process


def contact_of(process: Any) -> str:
    """Return the number or address that a code went to."""
    contact: str = process.state.get("phone") or process.state["email"]
    return contact


confirm_login_code = ConfirmLoginCodeView.as_view()
confirm_email = login_not_required(ConfirmEmailView.as_view())
_verify_new_phone = VerifyNewPhoneView.as_view()


@login_not_required
def verify_phone(request: HttpRequest) -> HttpResponseBase:
    """Prove the number that one signs up with; a member proves another one on allauth's own page."""
    return allauth_views.verify_phone(request) if request.user.is_authenticated else _verify_new_phone(request)
