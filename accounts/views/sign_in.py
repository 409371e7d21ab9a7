"""Signing in: allauth's own page, without a transaction around it."""

from allauth.account.views import LoginView
from django.db import transaction

# The hash, the limits and the session are outside the database or a statement of their own; nothing here is half done.
sign_in = transaction.non_atomic_requests(LoginView.as_view())
