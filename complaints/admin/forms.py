"""What the desk chooses on the page of a case."""

from typing import Any

from django import forms

from accounts.models import User
from complaints import services
from complaints.admin.queue import staff_name
from complaints.models import CannedAnswer, Case


class ColleagueField(forms.ModelChoiceField):
    def label_from_instance(self, obj: User) -> str:
        return staff_name(obj)


class HandOverForm(forms.Form):
    """Choose who goes on with a case: anybody who may, but not who has it or who brought it."""

    to = ColleagueField(label="转交给", queryset=User.objects.none(), empty_label="选择同事")

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = services.colleagues().exclude(pk__in=[p for p in (case.assigned_to_id, case.member_id) if p])
        self.fields["to"].queryset = others  # type: ignore[attr-defined]


class CannedForm(forms.Form):
    """Choose a sentence to start from; what is written already stays in front of it."""

    canned = forms.ModelChoiceField(
        label="常用答复", queryset=CannedAnswer.objects.order_by("title"), required=False, empty_label="选择一条"
    )
    body = forms.CharField(required=False, strip=False)

    def draft(self) -> str:
        """Return what is written so far with the chosen sentence after it."""
        chosen = self.cleaned_data.get("canned")
        parts = [self.cleaned_data.get("body", "").rstrip(), chosen.body if chosen else ""]
        return "\n".join(part for part in parts if part)
