"""Members, and what is on its way to them."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.forms import BaseUserCreationForm
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.asking import AskingAdmin
from accounts.admin.base import PersonalDataAdmin, UnguessableAdmin
from accounts.admin.termination import TerminatingAdmin
from accounts.models import Message, User, hash_of_phone
from accounts.phone import NotAMobileNumber, masked, masked_email, normalised


def masked_name(name: str) -> str:
    """Show the family name only."""
    return name[:1] + "*" * len(name[1:])


class ColleagueForm(BaseUserCreationForm):
    """Makes an account for a colleague; they prove the address when they first sign in."""

    class Meta:
        model = User
        fields = ["email", "is_staff"]


@admin.register(User)
class UserAdmin(AskingAdmin, TerminatingAdmin, PersonalDataAdmin):
    """Finds members by exact number, address or id; nobody leafs through them by name."""

    looked_at_for = "查找或核对会员账号"
    masks = {"phone": masked, "email": masked_email, "name": masked_name}
    list_display = ["pk", "masked_phone", "masked_email", "is_staff", "is_active", "date_joined"]
    list_filter = ["is_staff", "is_active", "groups"]
    search_fields = ["pk"]
    search_help_text = "完整的手机号、邮箱或会员编号"
    ordering = ["-pk"]
    filter_horizontal = ["groups", "user_permissions"]
    fieldsets = [
        (None, {"fields": ["masked_phone", "phone_verified", "masked_email", "masked_name"]}),
        ("权限", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("时间", {"fields": ["date_joined", "last_login", "adult_at", "closing_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "is_staff", "password1", "password2"]})]
    readonly_fields = ["phone_verified", "date_joined", "last_login", "adult_at", "closing_at"]
    POWERS = ["is_staff", "is_superuser", "groups", "user_permissions"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            return ColleagueForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Let only a superuser hand out powers: whoever may edit members must not make themselves one."""
        if obj is None:
            return []
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else [*fixed, *self.POWERS]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep deleting to the members themselves: leaving has its steps, its proof and its receipt."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep the accounts of superusers to superusers."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (request.user.is_superuser or obj is None or not obj.is_superuser)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change and obj.email:
            EmailAddress.objects.create(user=obj, email=obj.email, primary=True, verified=False)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        term = search_term.strip()
        if "@" in term:
            return queryset.filter(email=term.lower()), False
        try:
            return queryset.filter(phone_hash=hash_of_phone(normalised(term))), False
        except NotAMobileNumber:
            pass
        if not term:
            return queryset, False
        return (queryset.filter(pk=int(term)) if term.isdecimal() and len(term) < 19 else queryset.none()), False


@admin.register(Message)
class MessageAdmin(UnguessableAdmin):
    """Shows whether messages leave, not what they say or to whom."""

    looked_at_for = "核对邮件与短信是否送达"
    list_display = ["pk", "channel", "template", "created_at", "attempts", "sent_at", "failed_at", "error"]
    list_filter = ["channel", "template", "error"]
    ordering = ["-pk"]
    fields = ["channel", "template", "created_at", "attempts", "sent_at", "failed_at", "error"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
