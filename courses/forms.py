"""How a member wants to pay."""

from typing import Any

from django import forms
from django.utils.html import format_html

from accounts.models import User
from consent.forms import AgreementFormMixin
from consent.models import Document
from courses.models import Channel, PaymentAccount

CONSENT = f"accept_{Document.Kind.PAYMENT_ACCOUNT}"


class PayForm(AgreementFormMixin):
    """Choose a channel or a saved account; whoever wants, saves one, by a consent of its own (PIPL 29)."""

    agreement_kinds: tuple[str, ...] = (Document.Kind.PAYMENT_ACCOUNT,)
    way = forms.ChoiceField(
        label="付款方式",
        widget=forms.RadioSelect,
        error_messages={"required": "请选择付款方式", "invalid_choice": "请重新选择付款方式"},
    )
    field_order = ["way"]

    def __init__(self, *args: Any, member: User, **kwargs: Any) -> None:
        saved = list(PaymentAccount.objects.for_member(member).live().order_by("-signed_at", "-pk"))
        if saved:
            self.agreement_kinds = ()  # who has one is not asked to save another while paying
        super().__init__(*args, **kwargs)
        ways = [(f"account-{account.pk}", f"{account.label}（已保存，确认后直接扣款）") for account in saved]
        ways += [(channel.value, f"{channel.label}（到{channel.label}页面付款）") for channel in Channel]
        way = self.fields["way"]
        assert isinstance(way, forms.ChoiceField)  # noqa: S101 - for mypy
        way.choices, way.initial = ways, ways[0][0]
        if CONSENT in self.fields:
            self._offer_to_save()

    def _offer_to_save(self) -> None:
        box = self.fields[CONSENT]
        box.required = False
        box.label = format_html("保存支付宝账号，下次直接付款。{}", box.label)
        box.help_text = "可选，不勾选照样购买。勾选后先到支付宝签约，再回来确认付款；随时可以在“支付账号”里忘记它。"

    def clean(self) -> dict[str, Any]:
        """Ask for the text in force only of whoever agrees to it."""
        if not self.cleaned_data.get(CONSENT):
            return self.cleaned_data
        return super().clean()

    @property
    def account_id(self) -> int | None:
        """Return the saved account that was chosen, if one was."""
        kind, _, pk = self.cleaned_data["way"].partition("-")
        return int(pk) if kind == "account" else None

    @property
    def channel(self) -> str:
        return str(self.cleaned_data["way"])

    @property
    def saves_account(self) -> bool:
        return self.account_id is None and bool(self.accepted_documents)


class SaveAccountForm(AgreementFormMixin):
    """Save an account without buying anything now."""

    agreement_kinds: tuple[str, ...] = (Document.Kind.PAYMENT_ACCOUNT,)
