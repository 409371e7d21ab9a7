"""Ending a member's agreement for cause, at the desk: said twice, written into the admin's log, undone by nobody."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts import services
from accounts.models import Closure, User
from accounts.models.exclusion import YEARS

MAY_TERMINATE = "accounts.terminate_user"


class SureForm(forms.Form):
    is_told = forms.BooleanField(
        label="违规有证据，会员已被告知并有机会说明",
        error_messages={"required": "先告知会员并听取说明，再终止"},
    )


class TerminatingAdmin(ModelAdmin[Any]):
    """Adds the page, and the way to it for whoever may."""

    change_form_template = "admin/accounts/user/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.terminate)
        return [path("<int:pk>/terminate/", view, name="accounts_user_terminate"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *rest: Any, **more: Any
    ) -> HttpResponse:
        member = context.get("original")
        context["may_terminate"] = member is not None and _may(request, member)
        return super().render_change_form(request, context, *rest, **more)

    def terminate(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask once more, then end it."""
        member = User.objects.filter(pk=pk).first()
        if member is None:
            raise Http404
        if not _may(request, member):
            raise PermissionDenied
        form = SureForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            closure = self._end(request, member)
            self.log_change(request, closure, "因违规终止协议")
            messages.success(request, f"已终止，注销编号 {closure.number}。")
            return redirect("admin:accounts_user_changelist")
        context = {**self.admin_site.each_context(request), "title": "因违规终止协议", "member": member, "form": form}
        return TemplateResponse(request, "admin/accounts/terminate.html", {**context, "years": YEARS})

    @staticmethod
    def _end(request: HttpRequest, member: User) -> Closure:
        try:
            return services.terminate(member=member, by=cast(User, request.user), now=timezone.now())
        except User.DoesNotExist as gone:  # purged in this very moment
            raise Http404 from gone


def _may(request: HttpRequest, member: User) -> bool:
    return bool(request.user.has_perm(MAY_TERMINATE)) and not (member.is_staff or member.is_superuser)
