"""The door to the admin: the members' own sign-in with its limits, and a second step."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts import looking

SECOND_STEPS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
View = Callable[..., HttpResponse]


def lacks_second_step(request: HttpRequest) -> bool:
    """Tell whether somebody of the staff has yet to set up what they need to come in."""
    user = request.user
    return settings.STAFF_SECOND_STEP and user.is_active and user.is_staff and not is_mfa_enabled(user, SECOND_STEPS)


class GuardedAdminSite(admin.AdminSite):
    """An admin without a sign-in form of its own: Django's counts no attempts."""

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the members' sign-in; whoever is in and may not enter hears so."""
        target = reverse("admin:index", current_app=self.name)
        if not request.user.is_authenticated:
            return redirect_to_login(request.GET.get("next", target))
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect(target)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner: View = super().admin_view(view, cacheable)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if lacks_second_step(request):
                messages.warning(request, "工作人员需要先设置两步验证，才能进入工作台")
                return redirect("mfa_index")
            answer = inner(request, *args, **kwargs)
            looking.note(request, view, answer, kwargs)
            return answer

        return guarded

    def autocomplete_view(self, _request: HttpRequest) -> HttpResponse:
        """Be no way to find out whose a number is: nobody would read that somebody looked."""
        raise Http404

    def password_change(self, *_: Any, **__: Any) -> Any:
        """Lead to the members' page, which counts wrong old passwords."""
        return redirect("account_change_password")
