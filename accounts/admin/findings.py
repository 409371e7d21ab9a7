"""What other people said of somebody who leaves: the page on which it is decided whether that stays."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts import services
from accounts.admin.base import UnguessableAdmin
from accounts.models import ResidueFinding, User

Decision = ResidueFinding.Decision


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(
        label="决定",
        choices=[(one.value, one.label) for one in (Decision.KEPT, Decision.LOOK_AGAIN)],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="理由",
        max_length=400,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="依法保留必须写明依据；理由保存三年，不要写出会员的姓名、号码或邮箱",
    )


@admin.register(ResidueFinding)
class ResidueFindingAdmin(UnguessableAdmin):
    """Shows where and how often, never what: the text is its writer's."""

    looked_at_for = "核查注销以后有无遗留"
    list_display = ["pk", "closure_number", "place", "count", "found_at", "decision", "decided_at"]
    list_filter = ["decision", "found_at"]
    list_select_related = ["closure"]
    ordering = ["decided_at", "-found_at", "-pk"]

    @admin.display(description="注销编号")
    def closure_number(self, finding: ResidueFinding) -> str:
        return finding.closure.number

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one question, and take the answer of whoever may give it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = ResidueFinding.objects.select_related("closure", "decided_by")
        finding = get_object_or_404(asked, pk=object_id if object_id.isdecimal() else None)
        form = DecisionForm(request.POST or None)
        if request.method == "POST" and self._is_decided(request, finding, form):
            return redirect("admin:accounts_residuefinding_changelist")
        may_decide = finding.is_open and self._may_decide(request)
        context = {"title": str(finding), "opts": self.opts, "finding": finding, "form": may_decide and form}
        template = "admin/accounts/decide_finding.html"
        return render(request, template, {**self.admin_site.each_context(request), **context})

    def _is_decided(self, request: HttpRequest, finding: ResidueFinding, form: DecisionForm) -> bool:
        if not self._may_decide(request):
            raise PermissionDenied
        if not form.is_valid():
            return False
        by = cast("User", request.user)
        try:
            services.decide_finding(finding_id=finding.pk, **form.cleaned_data, by=by, now=timezone.now())
        except services.NotADecision as refusal:
            form.add_error("reason", str(refusal))
            return False
        except services.BeingSearched:
            messages.warning(request, "正在重新核查，请稍后再决定")
        except services.AlreadyDecided:
            messages.warning(request, "已经有了决定，没有改动")
        else:
            messages.success(request, "已记下决定")
        return True

    def _may_decide(self, request: HttpRequest) -> bool:
        return request.user.has_perm(services.MAY_DECIDE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
