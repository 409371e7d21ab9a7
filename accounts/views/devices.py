"""allauth's page of devices, without its query for each of them."""

from typing import Any

from allauth.usersessions.views import ListUserSessionsView
from django.utils import timezone
from django.views.generic.edit import FormView

from accounts import services


class DevicesView(ListUserSessionsView):
    """Lists where a member is signed in, and signs them out elsewhere."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        member: Any = self.request.user
        devices = services.devices_of(member=member, now=timezone.now())
        # Past the parent's own, which would look at each session.
        return {**FormView.get_context_data(self, **kwargs), "sessions": devices, "session_count": len(devices)}


devices = DevicesView.as_view()
