"""The question before a member's own pages open at the desk: why; the member reads the answer."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from django import forms
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import Look, User
from accounts.reasons import keep_reason, reason_kept

OTHER = "other"
REASONS = {
    "case": "处理您的投诉、申诉或咨询",
    "sign_in": "协助您登录或找回账号",
    "payment": "核对订单、付款或退款",
    "breach": "核查账号安全或违规情况",
}


class OneInFocus(forms.RadioSelect):
    """Gives the focus that it is given to its first button only."""

    def create_option(self, *said: Any, **more: Any) -> dict[str, Any]:
        option = super().create_option(*said, **more)
        if option["index"] != "0":
            option["attrs"].pop("autofocus", None)
        return option


class ReasonForm(forms.Form):
    reason = forms.ChoiceField(
        label="理由",
        choices=[*REASONS.items(), (OTHER, "其他")],
        widget=OneInFocus,
        error_messages={"required": "请选择一个理由"},
    )
    words = forms.CharField(
        label="其他理由",
        max_length=Look._meta.get_field("reason").max_length,
        required=False,
        help_text="选“其他”时填写；不要写出姓名、号码或邮箱",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said.get("reason") == OTHER and not said.get("words") and "words" not in self.errors:
            self.add_error("words", "请写明理由")
        if said.get("reason") in REASONS and said.get("words"):
            self.add_error("words", "写在这里的，请选“其他”；不用写的，请清空")
        return said

    def take_focus(self) -> None:
        """Let whoever writes begin at once, where something is wrong if something is."""
        self.fields[next(iter(self.errors), "reason")].widget.attrs["autofocus"] = True

    def in_words(self) -> str:
        said = self.cleaned_data
        return REASONS.get(said["reason"], said["words"])


class AskingAdmin(ModelAdmin[Any]):
    """Shows a member, and the history of their row, to who has said why within the last minutes."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.ask_why)
        return [path("<int:member_id>/reason/", view, name="accounts_user_reason"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return _unless_asked(request, object_id, super().change_view(request, object_id, form_url, extra_context))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return _unless_asked(request, object_id, super().history_view(request, object_id, extra_context))

    def ask_why(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Ask once, then go where one was going."""
        member = self.get_object(request, str(member_id))
        if not self.has_view_permission(request, member):
            raise PermissionDenied
        if member is None:
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            keep_reason(request, member_id=member.pk, reason=form.in_words(), now=timezone.now())
            return redirect(_way_on(request, member))
        form.take_focus()
        context = {**self.admin_site.each_context(request), "title": f"为什么要看{member}", "opts": self.opts}
        more = {"member": member, "form": form, "minutes": int(Look.ONE_LOOK.total_seconds() // 60)}
        return TemplateResponse(request, "admin/accounts/ask_why.html", {**context, **more})


def _unless_asked(request: HttpRequest, object_id: str, page: HttpResponse) -> HttpResponse:
    """Hold a page back until its reader has said why; what was saved is saved, and one's own page asks nothing."""
    if page.status_code != 200:
        return page
    member_id = int(unquote(object_id))
    if member_id == request.user.pk or reason_kept(request, member_id=member_id, now=timezone.now()):
        return page
    asking = reverse("admin:accounts_user_reason", args=[member_id])
    return redirect(f"{asking}?{urlencode({'next': request.get_full_path()})}")


def _way_on(request: HttpRequest, member: User) -> str:
    """Return the page of this member that was asked for, with what its address said."""
    pages = [reverse(f"admin:accounts_user_{name}", args=[member.pk]) for name in ("change", "history")]
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and urlsplit(wanted).path in pages
    return wanted if is_ours else pages[0]
