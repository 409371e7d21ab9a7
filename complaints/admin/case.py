"""One case at the desk: who asks, what was said, and a button for each thing that can be done."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from accounts.admin import PersonalDataAdmin
from accounts.admin.members import masked_name
from accounts.phone import masked, masked_email
from complaints import services
from complaints.admin.forms import CannedForm, HandOverForm
from complaints.admin.queue import QueueFilter, promise_badge, staff_name
from complaints.forms import SaidForm
from complaints.models import Case, Picture
from complaints.services import desk
from consent.files import respond

REFUSALS: dict[type[Exception], str] = {
    services.OwnCase: "这是您自己（或对方本人）提出的，需由其他同事处理。",
    services.SomebodyElsesCase: "这件事正由另一位同事经办，需要先转交。",
    services.CaseClosed: "这件事已经办结，不能再改动。",
    services.ThreadMovedOn: "您打开页面后又有了新内容，请看过再发送；您写的还在下面。",
}


class CaseAdmin(PersonalDataAdmin):
    looked_at_for = "处理您的投诉、申诉或咨询"
    masks = {"contact_name": masked_name, "contact_phone": masked, "contact_email": masked_email}
    list_display = ("number", "kind", "promise", "handler", "opened_at")
    list_filter = (QueueFilter, "kind")
    search_fields = ("number",)
    search_help_text = "按编号查找"
    ordering = ("due_at", "pk")
    list_per_page = 50
    show_full_result_count = False

    class Media:
        css = {"all": ["css/desk.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return super().get_queryset(request).select_related("assigned_to")

    @admin.display(description="答复期限", ordering="due_at")
    def promise(self, case: Case) -> SafeString:
        return promise_badge(case)

    @admin.display(description="经办人", ordering="assigned_to", empty_value="无人经办")
    def handler(self, case: Case) -> str | None:
        return staff_name(case.assigned_to) if case.assigned_to else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        buttons = (self.claim, self.answer, self.close, self.hand_over, self.insert_canned)
        picture = path(
            "<int:pk>/pictures/<int:picture_pk>/",
            self.admin_site.admin_view(require_safe(self.picture)),
            name="complaints_case_picture",
        )
        return [*(self._button(view) for view in buttons), picture, *super().get_urls()]

    def _button(self, view: Callable[..., HttpResponse]) -> URLPattern:
        verb = view.__name__
        return path(f"<int:pk>/{verb}/", self.admin_site.admin_view(require_POST(view)), name=f"complaints_case_{verb}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._page(request, self._case(request, object_id))

    def claim(self, request: HttpRequest, pk: int) -> HttpResponse:
        case = self._case(request, pk)
        self._try(request, case, services.claim_case, done="已由您经办。")
        return self._back(case)

    def answer(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._say(request, pk, services.answer, words="body", done="答复已发出。")

    def close(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._say(request, pk, services.close_case, words="decision", done="已办结。")

    def hand_over(self, request: HttpRequest, pk: int) -> HttpResponse:
        case = self._case(request, pk)
        form = HandOverForm(request.POST, case=case)
        if form.is_valid():
            self._try(request, case, services.hand_over, to=form.cleaned_data["to"], done="已转交。")
        else:
            messages.error(request, "请选择一位可以经办的同事。")
        return self._back(case)

    def insert_canned(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the page again with a canned sentence added to the draft."""
        chosen = CannedForm(request.POST)
        chosen.full_clean()
        return self._page(request, self._case(request, pk), SaidForm(initial={"body": chosen.draft()}))

    def picture(self, request: HttpRequest, pk: int, picture_pk: int) -> HttpResponseBase:
        """Hand out a picture to who may read what was said."""
        case = self._case(request, pk)
        if not request.user.has_perm(desk.MAY_READ):
            raise PermissionDenied
        return respond(request, get_object_or_404(Picture.objects.of_case(case), pk=picture_pk).file)

    def _say(self, request: HttpRequest, pk: int, act: Callable[..., Case], *, words: str, done: str) -> HttpResponse:
        case = self._case(request, pk)
        form = SaidForm(request.POST)
        if form.is_valid():
            said = {words: form.cleaned_data["body"], "seen": form.cleaned_data["seen"]}
            if self._try(request, case, act, done=done, **said):
                return self._back(case)
        return self._page(request, self._case(request, pk), form)

    def _try(self, request: HttpRequest, case: Case, act: Callable[..., Case], *, done: str, **how: Any) -> bool:
        """Do it, and say what came of it; pressing a button twice is no mistake."""
        try:
            act(case_id=case.pk, by=request.user, now=timezone.now(), **how)
        except services.NotEntitled as refusal:
            raise PermissionDenied from refusal
        except (services.AlreadySaid, services.AlreadyClaimed):
            return True
        except tuple(REFUSALS) as refusal:
            messages.error(request, REFUSALS[type(refusal)])
            return False
        messages.success(request, done)
        return True

    def _case(self, request: HttpRequest, pk: int | str) -> Case:
        if not self.has_view_permission(request):
            raise PermissionDenied
        case = self.get_object(request, str(pk))
        if case is None:
            raise Http404
        return case

    def _back(self, case: Case) -> HttpResponse:
        return redirect("admin:complaints_case_change", case.pk)

    def _page(self, request: HttpRequest, case: Case, form: SaidForm | None = None) -> HttpResponse:
        may_read = request.user.has_perm(desk.MAY_READ)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"{case.get_kind_display()} {case.number}",
            "case": case,
            "promise": promise_badge(case),
            "handler": self.handler(case),
            "contact": [getattr(self, f"masked_{name}")(case) for name in self.masks if getattr(case, name)],
            "may_read": may_read,
            "entries": _dialogue(case) if may_read else [],
            **self._desk(request, case, form),
        }
        return TemplateResponse(request, "admin/complaints/case.html", context)

    def _desk(self, request: HttpRequest, case: Case, form: SaidForm | None) -> dict[str, Any]:
        """Tell which buttons this person has for this case now."""
        is_free = not case.is_closed and case.member_id != request.user.pk
        may_answer = is_free and request.user.has_perms([desk.MAY_ANSWER, desk.MAY_READ])
        may_hand_over = is_free and request.user.has_perm(desk.MAY_HAND_OVER)
        return {
            "may_claim": may_answer and case.assigned_to_id is None,
            "may_answer": may_answer and case.assigned_to_id in (None, request.user.pk),
            "answer_form": form or SaidForm(),
            "canned_form": CannedForm(),
            "hand_over_form": HandOverForm(case=case) if may_hand_over else None,
        }


def _dialogue(case: Case) -> list[dict[str, Any]]:
    entries = case.entries.select_related("author").prefetch_related("pictures").order_by("pk")
    return [{"entry": e, "who": staff_name(e.author) if e.author else e.get_voice_display()} for e in entries]
