"""Boxes to tick: one for each text, never ticked beforehand."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from consent.models import Document
from consent.services import Owed


class AgreementFormMixin(forms.Form):
    """Ask for agreement to the versions in force, and refuse a form that showed older ones.

    Subclasses name the kinds in `agreement_kinds`; `accepted_documents` is filled by `clean`.
    """

    agreement_kinds: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accepted_documents: list[Document] = []
        in_force = Document.objects.in_force(timezone.now()).filter(kind__in=self.agreement_kinds)
        self.documents_in_force = {document.kind: document for document in in_force}
        for kind in self.agreement_kinds:
            self._add_fields(self.documents_in_force[kind])

    def _add_fields(self, document: Document) -> None:
        self.fields[f"accept_{document.kind}"] = forms.BooleanField(
            label=_box_label(document),
            error_messages={"required": f"需要同意《{document.title}》才能继续"},
        )
        self.fields[f"seen_{document.kind}"] = forms.CharField(
            widget=forms.HiddenInput, initial=document.digest, required=False
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for kind, document in self.documents_in_force.items():
            if cleaned.get(f"seen_{kind}") != document.digest:
                self._show_anew(document)
            else:
                self.accepted_documents.append(document)
        return cleaned

    def _show_anew(self, document: Document) -> None:
        """Untick the box and put the new version's hash into the form that goes back."""
        box, seen = f"accept_{document.kind}", f"seen_{document.kind}"
        data: Any = self.data
        self.data = data = data.copy()  # what was posted is immutable
        data.pop(self.add_prefix(box), None)
        data[self.add_prefix(seen)] = document.digest
        message = f"《{document.title}》已更新为 {document.version} 版，请阅读新版后重新勾选"
        self.errors.pop(box, None)
        self.add_error(box, message)


class AnswerForm(AgreementFormMixin):
    """Answer the versions that a member owes an answer: binding ones by agreeing, the others by agreeing or not."""

    def __init__(self, *args: Any, owed: Iterable[Owed], **kwargs: Any) -> None:
        self.owed = list(owed)
        self.agreement_kinds = tuple(one.version.kind for one in self.owed)
        super().__init__(*args, **kwargs)
        for one in self.owed:
            self.fields[f"accept_{one.version.kind}"].required = one.is_binding

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.refused_kinds = [kind for kind in self.agreement_kinds if not cleaned.get(f"accept_{kind}")]
        self.accepted_documents = [one for one in self.accepted_documents if one.kind not in self.refused_kinds]
        return cleaned


def _box_label(document: Document) -> str:
    url = reverse("consent:document", args=[document.kind])
    return format_html(
        '我已阅读并同意<a href="{}" target="_blank" rel="noopener">《{}》</a>（{} 版）',
        url,
        document.title,
        document.version,
    )
