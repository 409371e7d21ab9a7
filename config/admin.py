"""The admin's front page: first what waits for this person, then everything else."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.module_loading import module_has_submodule

from accounts.door import GuardedAdminSite
from consent.waiting import Waiting


class PortalAdminSite(GuardedAdminSite):
    site_header = site_title = f"{settings.SITE_NAME} · 工作台"
    index_title = "工作台"
    index_template = "admin/desk.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what waits, the urgent first; an app is asked only by who may see something of it."""
        waiting = sorted(_waiting(request), key=lambda heap: not heap.is_urgent)
        return super().index(request, {"waiting": waiting, **(extra_context or {})})


def _waiting(request: HttpRequest) -> Iterator[Waiting]:
    """Collect from `<app>/admin`, found by name: the apps' admins do not import this one."""
    for app in apps.get_app_configs():
        has_admin = app.module is not None and module_has_submodule(app.module, "admin")
        if has_admin and request.user.has_module_perms(app.label):
            heaps: Callable[[HttpRequest], list[Waiting]] | None
            heaps = getattr(import_module(f"{app.name}.admin"), "waiting", None)
            yield from (heap for heap in (heaps(request) if heaps else []) if heap.count)
