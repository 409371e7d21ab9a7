"""allauth's page of devices, without its query for each of them."""

from typing import Any

from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from django.views.generic.edit import FormView

from accounts import services
from consent.asking import stays_open


class DevicesView(ListUserSessionsView):
    """Lists where a member is signed in, and signs them out elsewhere."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        member: Any = self.request.user
        devices = services.devices_of(member=member, now=timezone.now())
        # Past the parent's own, which would look at each session.
        return {**FormView.get_context_data(self, **kwargs), "sessions": devices, "session_count": len(devices)}


devices = stays_open(DevicesView.as_view())


@stays_open
@login_required
@require_POST
def end_device(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the member out on one device; somebody else's does not exist."""
    member: Any = request.user
    if not services.end_device(member=member, device_id=pk):
        raise Http404
    messages.success(request, "那台设备已退出登录")
    return redirect("usersessions_list")
