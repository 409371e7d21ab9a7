"""allauth's pages for the six digits, with the sentences it leaves out."""

from typing import Any

from allauth.account import views as allauth_views
from allauth.account.internal.decorators import login_not_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.stages import EXPIRED


class ConfirmLoginCodeView(allauth_views.ConfirmLoginCodeView):
    """Signs in by a code."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        if getattr(self, "_process", self) is None:
            messages.error(request, EXPIRED)
        return response

    def _resend_form_valid(self, form: Any) -> HttpResponse:
        """Answer alike for a number that nobody has, where allauth asserts that somebody does."""
        if self._process.user is not None or self._process.state.get("email"):
            return super()._resend_form_valid(form)
        self._process.add_sent_message({"recipient": self._process.state["phone"]})
        self._process.record_resend()
        self._process.persist()
        return HttpResponseRedirect(self.passthrough_next_url(reverse("account_confirm_login_code")))


class ConfirmEmailView(allauth_views.ConfirmEmailVerificationCodeView):
    """Proves an address by a code."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        if getattr(self, "_process", self) is None:
            messages.error(request, EXPIRED)
        return response


confirm_login_code = ConfirmLoginCodeView.as_view()
confirm_email = login_not_required(ConfirmEmailView.as_view())
