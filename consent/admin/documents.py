"""Texts at the desk: drafting, looking, announcing. What has been announced can only be read."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from consent import manifest, promises, services
from consent.clauses import compare
from consent.models import NOTICE, Decision, Document
from consent.timeline import read as timeline

MAY_ANNOUNCE = "consent.announce_document"
REFUSALS: dict[type[Exception], str] = {
    services.AlreadyAnnounced: "这一版已经公布，不能再改动。",
    services.SecondPersonNeeded: "起草或提请的人不能自己复核，请另一位同事来看。",
}


class DraftForm(forms.ModelForm[Document]):
    """Write a text and what it promises."""

    class Meta:
        model = Document
        fields = ["kind", "version", "title", "summary", "body", "manifest"]
        widgets = {
            "summary": forms.Textarea(attrs={"rows": 2}),
            "body": forms.Textarea(attrs={"rows": 30, "class": "vLargeTextField"}),
        }

    version = forms.CharField(
        label="版本", max_length=20, validators=[RegexValidator(r"^\d+(\.\d+)*$", "写成 1.2 这样的数字")]
    )
    manifest = forms.JSONField(
        label="承诺清单",
        required=False,
        initial=list,
        widget=forms.Textarea(attrs={"rows": 20, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text="JSON；每一条写明 clause、anchor、purpose，以及 recipients、data（kind、kept）",
        error_messages={"invalid": "这不是有效的 JSON"},
    )

    def clean_manifest(self) -> Any:
        return self.cleaned_data["manifest"] or []

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        problems = promises.problems(cleaned.get("manifest", []), body=cleaned.get("body", ""))
        if problems:
            self.add_error("manifest", forms.ValidationError(problems))
        return cleaned


def first_possible_day() -> date:
    return timezone.localdate() + NOTICE + timedelta(days=1)


class AnnounceForm(forms.Form):
    """Choose the day a version takes effect, at midnight in Beijing."""

    day = forms.DateField(
        label="生效日期",
        initial=first_possible_day,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "请选择生效日期", "invalid": "请写成 2026-12-31 这样的日期"},
        help_text=f"公布之后至少 {NOTICE.days} 天",
    )

    @property
    def effective_at(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.cleaned_data["day"], time()))


class StateFilter(admin.SimpleListFilter):
    title = "状态"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("draft", "草稿"), ("announced", "已公布")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> QuerySet[Document]:
        chosen = {"draft": Q(announced_at=None), "announced": Q(announced_at__isnull=False)}
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin[Document]):
    form = DraftForm
    list_display = ["kind", "version", "state", "is_material", "announced_at", "effective_at"]
    list_display_links = ["kind", "version"]
    list_filter = ["kind", StateFilter]
    ordering = ["-effective_at", "-pk"]
    list_per_page = 50
    actions = None
    FACTS = ["state", "is_material", "announced_at", "effective_at", "sha256", "manifest_sha256"]

    class Media:
        css = {"all": ["css/tokens.css", "css/desk.css", "css/diff.css", "css/review.css"]}

    @admin.display(description="状态")
    def state(self, document: Document) -> str:
        if document.effective_at is None:
            return "草稿"
        if document.effective_at > timezone.now():
            return "已公布，尚未生效"
        binding = timeline().in_force(timezone.now()).get(document.kind)
        return "生效中" if binding is not None and binding.pk == document.pk else "已被替代"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        chosen = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and match.url_name == "consent_document_changelist"
        return chosen.defer("body", "manifest", "changes") if is_list else chosen

    def get_readonly_fields(self, request: HttpRequest, obj: Document | None = None) -> list[str]:
        return [] if obj is None or obj.is_draft else self.FACTS

    def get_fields(self, request: HttpRequest, obj: Document | None = None) -> list[Any]:
        return [*DraftForm.Meta.fields, *self.get_readonly_fields(request, obj)]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin a new version with the text that it is to replace."""
        kind = request.GET.get("kind", "")
        base = services.base_of(Document(kind=kind)) if kind in Document.Kind.values else None
        if base is None:
            return {"kind": kind}
        return {"kind": kind, "title": base.title, "body": base.body, "manifest": base.manifest}

    def has_change_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        """Only a draft can be thrown away, by whoever may write it."""
        return obj is not None and obj.is_draft and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        services.save_draft(draft=obj, by=request.user, now=timezone.now())

    def response_post_save_add(self, request: HttpRequest, obj: Document) -> HttpResponseRedirect:
        return redirect("admin:consent_document_review", obj.pk)

    def response_post_save_change(self, request: HttpRequest, obj: Document) -> HttpResponseRedirect:
        return redirect("admin:consent_document_review", obj.pk)

    # ── Looking, and making public ──

    def get_urls(self) -> list[URLPattern]:
        buttons = (self.announce, self.propose, self.confirm)
        review = path("<int:pk>/review/", self.admin_site.admin_view(self.review), name="consent_document_review")
        return [review, *(self._button(view) for view in buttons), *super().get_urls()]

    def _button(self, view: Callable[..., HttpResponse]) -> URLPattern:
        verb = view.__name__
        return path(
            f"<int:pk>/{verb}/", self.admin_site.admin_view(require_POST(view)), name=f"consent_document_{verb}"
        )

    def review(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a text as readers will see it, and beside what it replaces."""
        return self._review(request, self._document(request, pk), AnnounceForm())

    def announce(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._make_public(request, pk, services.announce, "已公布。生效后，改动涉及的会员会再次被征求同意。")

    def confirm(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._make_public(request, pk, services.confirm_as_editorial, "已复核并公布为文字调整，不再询问会员。")

    def propose(self, request: HttpRequest, pk: int) -> HttpResponse:
        document = self._document(request, pk)
        if not self.has_change_permission(request, document):
            raise PermissionDenied
        self._try(request, services.propose_as_editorial, "已记下，请另一位同事复核。", document_id=pk)
        return redirect("admin:consent_document_review", pk)

    def _make_public(self, request: HttpRequest, pk: int, act: Callable[..., Any], done: str) -> HttpResponse:
        document = self._document(request, pk)
        if not request.user.has_perm(MAY_ANNOUNCE):
            raise PermissionDenied
        form = AnnounceForm(request.POST)
        if not form.is_valid():
            return self._review(request, document, form)
        self._try(request, act, done, document_id=pk, effective_at=form.effective_at)
        return redirect("admin:consent_document_review", pk)

    def _try(self, request: HttpRequest, act: Callable[..., Any], done: str, **how: Any) -> None:
        try:
            act(by=request.user, now=timezone.now(), **how)
        except services.NotAnnounceable as reason:
            messages.error(request, str(reason))
        except tuple(REFUSALS) as refusal:
            messages.error(request, REFUSALS[type(refusal)])
        else:
            messages.success(request, done)

    def _document(self, request: HttpRequest, pk: int) -> Document:
        if not self.has_view_permission(request):
            raise PermissionDenied
        document = Document.objects.select_related("replaces").filter(pk=pk).first()
        if document is None:
            raise Http404
        return document

    def _review(self, request: HttpRequest, document: Document, form: AnnounceForm) -> HttpResponse:
        before = services.base_of(document) if document.is_draft else document.replaces
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": f"审阅：{document}",
            "document": document,
            "state": self.state(document),
            "before": before,
            "clauses": compare(before.body, document.body) if before else [],
            "differences": manifest.differences(before.manifest, document.manifest) if before else [],
            "misfits": services.what_does_not_fit(document) if document.is_draft else [],
            "decisions": Decision.objects.of(document).select_related("by"),
            "announce_form": form,
            "may_change": self.has_change_permission(request, document),
            "may_announce": document.is_draft and request.user.has_perm(MAY_ANNOUNCE),
        }
        return TemplateResponse(request, "admin/consent/review.html", context)
