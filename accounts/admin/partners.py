"""Taking in what partners lawfully give us, from the desk."""

from io import TextIOWrapper
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import services
from accounts.admin.base import PersonalDataAdmin
from accounts.models import PartnerRecord

LARGEST = 5 * 1024 * 1024  # bytes


class ImportForm(forms.Form):
    partner = forms.CharField(label="合作方", max_length=80)
    legal_basis = forms.CharField(label="依据", max_length=200, help_text="我们取得它的法律依据，会原样告诉会员")
    fields_kept = forms.CharField(label="字段", max_length=400, help_text="要保存的列，逗号分隔；其余的列不保存")
    file = forms.FileField(label="名单", help_text="UTF-8 的 CSV，5 MB 以内；第一行是列名，要有“手机号”或“邮箱”")

    def clean_fields_kept(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["fields_kept"].replace("，", ",").split(",") if name.strip()]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError("超过 5 MB，请分成几份")
        return file

    def carry_out(self) -> services.Imported:
        """Import what the form says.

        :raises accounts.services.NotImportable: with the reason in words
        """
        said = self.cleaned_data
        table = TextIOWrapper(said["file"].file, encoding="utf-8-sig", newline="")
        return services.import_records(
            partner=said["partner"],
            legal_basis=said["legal_basis"],
            fields=said["fields_kept"],
            rows=services.read_table(table),
            now=timezone.now(),
        )


@admin.register(PartnerRecord)
class PartnerRecordAdmin(PersonalDataAdmin):
    """Shows whose records there are and from whom, never what they say."""

    looked_at_for = "核对合作方提供的信息"
    list_display = ["pk", "partner", "legal_basis", "received_at"]
    list_filter = ["partner"]
    ordering = ["-pk"]
    fields = ["partner", "legal_basis", "received_at"]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Take a whole list in; nobody types a record by hand."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        if form.is_valid() and self._imported(request, form):
            return redirect("admin:accounts_partnerrecord_changelist")
        context = {**self.admin_site.each_context(request), "title": "导入名单", "opts": self.opts, "form": form}
        return render(request, "admin/accounts/import_partner_data.html", context)

    def _imported(self, request: HttpRequest, form: ImportForm) -> bool:
        try:
            done = form.carry_out()
        except services.NotImportable as reason:
            form.add_error(None, str(reason))
            return False
        messages.success(request, f"已保存并告知 {done.members} 位会员；{done.unknown} 行不是会员，没有保存")
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
