"""Disclosures at the desk: proposed by one, approved by another, changed by nobody."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from accounts import services
from accounts.admin.base import UnguessableAdmin
from accounts.models import Disclosure, User

REFUSALS: dict[type[Exception], str] = {
    services.OwnProposal: "自己提出的、关于自己的，要由另一个人批准。",
    services.AlreadyApproved: "已经批准过，或者会员已经注销。",
}


class ProposalForm(ModelForm[Disclosure]):
    def clean(self) -> dict[str, Any] | None:
        """Refuse what would stay for three years after the member has gone."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            told = Disclosure(**{name: cleaned[name] for name in ("member", *services.DISCLOSED_IN_WORDS)})
            for name in services.discloses_who(told):
                self.add_error(name, "这一栏要保存三年，不能写出会员的姓名、号码或邮箱；写种类或文书编号")
        return cleaned


@admin.register(Disclosure)
class DisclosureAdmin(UnguessableAdmin):
    """What the law forbids to tell the member does not belong here: they read every line of it."""

    looked_at_for = "办理信息披露"
    form = ProposalForm
    list_display = ["pk", "at", "state", "ground", "recipient", "kinds", "member"]
    list_filter = ["state", "ground"]
    list_select_related = ["member"]
    ordering = ["-at", "-pk"]
    fields = ["member", "ground", "recipient", "purpose", "legal_basis", "kinds"]
    raw_id_fields = ["member"]
    actions = ["approve_selected"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.fields, "state", "at", "proposed_by", "approved_by"] if obj else self.fields

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(services.MAY_APPROVE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let a proposal be taken back, one by one; what was approved stays."""
        return obj is not None and obj.is_open and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Disclosure, form: ModelForm[Disclosure], change: bool) -> None:
        services.propose_disclosure(disclosure=obj, by=cast("User", request.user), now=timezone.now())

    @admin.action(description="批准", permissions=["approve"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Disclosure]) -> None:
        for disclosure in queryset.order_by("pk"):
            try:
                approved = services.approve_disclosure(
                    disclosure_id=disclosure.pk, by=cast("User", request.user), now=timezone.now()
                )
            except tuple(REFUSALS) as refusal:
                messages.error(request, f"{disclosure}：{REFUSALS[type(refusal)]}")
            else:
                self.log_change(request, approved, "批准披露")
                messages.success(request, f"{approved}：已批准，可以提供。")
