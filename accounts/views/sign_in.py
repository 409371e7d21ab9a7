"""Signing in, and back in: allauth's own pages with what they lack."""

from typing import Any
from urllib.parse import urlencode

from allauth.account import views as allauth_views
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.views import LoginView, PasswordResetView
from allauth.core import ratelimit
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import User
from consent.asking import stays_open

# The hash, the limits and the session are outside the database or a statement of their own; nothing here is half done.
sign_in = transaction.non_atomic_requests(LoginView.as_view())


class ResetPasswordView(PasswordResetView):
    """Starts a new password by mail, as allauth does, or by SMS: its code signs in, the page for a password follows."""

    def form_valid(self, form: Any) -> HttpResponse:
        phone = form.cleaned_data.get("phone")
        return self._by_sms(phone) if phone else super().form_valid(form)

    def _by_sms(self, phone: str) -> HttpResponse:
        """Go on alike for a number that nobody has."""
        refused = ratelimit.consume_or_429(self.request, action="reset_password", key=phone)
        if refused:
            return refused
        owner = User.objects.with_proven_phone(phone)
        LoginCodeVerificationProcess.initiate(request=self.request, user=owner, email=None, phone=phone)
        new_password = urlencode({"next": reverse("account_change_password")})
        return redirect(f"{reverse('account_confirm_login_code')}?{new_password}")


@stays_open
def inactive(request: HttpRequest) -> HttpResponse:
    """Tell who was suspended what is left to them; nobody else is."""
    if request.user.is_authenticated and request.user.is_active:
        return redirect("accounts:me")
    answer: HttpResponse = allauth_views.account_inactive(request)
    return answer


reset_password = ResetPasswordView.as_view()
# Whoever sits down at a browser that was left open must not give the account a password of their own.
set_password = stays_open(login_required(reauthentication_required(app="allauth.account")(allauth_views.password_set)))
