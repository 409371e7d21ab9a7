"""Closures as the staff see them: how far each has come, what holds it up; nothing to approve, nothing to cancel."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import services
from accounts.admin.base import UnguessableAdmin
from accounts.admin.overview import overview
from accounts.models import Closure, PurgePause

MAY_RETRY, MAY_PAUSE = "accounts.retry_closure", "accounts.pause_purge"
REFUSALS: dict[type[Exception], str] = {
    services.AlreadyPaused: "已经暂停了。",
    services.NotPaused: "没有暂停，删除照常进行。",
}
LONGEST_ID = 18  # digits that surely fit into the column


class PauseForm(forms.ModelForm[PurgePause]):
    class Meta:
        model = PurgePause
        fields = ["reason"]


@admin.register(Closure)
class ClosureAdmin(UnguessableAdmin):
    """Shows states, never members: a closure needs nobody's approval."""

    looked_at_for = "办理账号注销"
    change_list_template = "admin/accounts/closure/change_list.html"
    list_display = ("number", "state", "step", "requested_at", "due_at", "next_attempt_at", "attempts", "error")
    list_filter = ["state", "step", "requested_at"]
    search_fields = ["number"]
    search_help_text = "注销编号"
    ordering = ["-requested_at", "-pk"]
    actions = ["retry_selected"]
    fields = (
        "number",
        "state",
        "step",
        "requested_at",
        "due_at",
        "next_attempt_at",
        "attempts",
        "error",
        "alarmed_at",
        "erased_at",
        "ended_at",
        "tally",
        "held_until",
    )

    class Media:
        css = {"all": ["css/desk.css", "css/oversight.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_RETRY)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show above the list how everything stands."""
        more = {
            **overview(now=timezone.now()),
            "may_retry": request.user.has_perm(MAY_RETRY),
            "may_pause": request.user.has_perm(MAY_PAUSE),
            "pause_form": PauseForm(),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        return [*(self._button(view) for view in (self.retry, self.pause, self.resume)), *super().get_urls()]

    def _button(self, view: Callable[[HttpRequest], HttpResponse]) -> URLPattern:
        verb = view.__name__
        return path(f"{verb}/", self.admin_site.admin_view(require_POST(view)), name=f"accounts_closure_{verb}")

    @admin.action(description="再试一次", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Closure]) -> None:
        self._retry(request, queryset.values_list("pk", flat=True))

    def retry(self, request: HttpRequest) -> HttpResponse:
        _demand(request, MAY_RETRY)
        typed = request.POST.getlist("closure")
        self._retry(request, (int(pk) for pk in typed if pk.isdecimal() and len(pk) <= LONGEST_ID))
        return redirect("admin:accounts_closure_changelist")

    def _retry(self, request: HttpRequest, ids: Iterable[int]) -> None:
        tried = services.retry_closures(closure_ids=list(ids), now=timezone.now())
        for closure in tried:
            self.log_change(request, closure, "再试一次")
        if tried:
            messages.success(request, f"{len(tried)} 件马上再试。")
        else:
            messages.warning(request, "没有可以再试的：只有受阻的可以，正在处理的不必。")

    def pause(self, request: HttpRequest) -> HttpResponse:
        _demand(request, MAY_PAUSE)
        form = PauseForm(request.POST)
        if not form.is_valid():
            messages.error(request, "没有暂停：请写明原因，200 字以内。")
            return redirect("admin:accounts_closure_changelist")
        done, said = "暂停删除", "已暂停：做完手上这一批就停。15 天的承诺照常计时。"
        return self._switch(request, services.pause_purge, done, said, **form.cleaned_data)

    def resume(self, request: HttpRequest) -> HttpResponse:
        _demand(request, MAY_PAUSE)
        return self._switch(request, services.resume_purge, "继续删除", "已继续：下一次巡视就接着删除。")

    def _switch(
        self, request: HttpRequest, act: Callable[..., PurgePause], done: str, said: str, **how: Any
    ) -> HttpResponse:
        """Press the switch and write down who did; pressing it twice is no mistake."""
        try:
            pause = act(by=request.user, now=timezone.now(), **how)
        except tuple(REFUSALS) as refusal:
            messages.warning(request, REFUSALS[type(refusal)])
        else:
            self.log_change(request, pause, done)
            messages.success(request, said)
        return redirect("admin:accounts_closure_changelist")


def _demand(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
