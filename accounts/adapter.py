"""How allauth does things here: numbers, words, and mail and SMS that leave as rows."""

import base64
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse, RateLimited, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.internal.flows.signup import clear_pending_signup
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts import attempts, services
from accounts.models import Message, User
from accounts.phone import NotAMobileNumber, normalised
from accounts.proven import began_before_lock, has_entered_a_code, spared_codes
from consent.fields import ColumnCipher

CODE_VALID = timedelta(seconds=settings.CODE_VALID_SECONDS)
MINUTES = settings.CODE_VALID_SECONDS // 60
OUR_STAGES = {
    "allauth.account.stages.PhoneVerificationStage": "accounts.stages.PhoneVerificationStage",
    "allauth.account.stages.EmailVerificationStage": "accounts.stages.EmailVerificationStage",
}
# What a member hears of when it happens to their account; allauth names its mails so.
ALERTS = {
    "account/email/password_changed": "登录密码已修改",
    "account/email/password_reset": "登录密码已重设",
    "account/email/password_set": "登录密码已设置",
    "mfa/email/totp_activated": "身份验证器已开启",
    "mfa/email/totp_deactivated": "身份验证器已关闭",
    "mfa/email/recovery_codes_generated": "两步验证的备用码已重新生成",
    "mfa/email/webauthn_added": "已添加安全密钥",
    "mfa/email/webauthn_removed": "已移除安全密钥",
}
EXPIRED_SIGN_IN = "账号在这期间锁定过，请重新登录"
INVALID_PHONE = "请输入有效的手机号，例如 138 0013 8000；境外号码请带国家或地区代码，例如 +852 5123 4567"


def shown_name(user: User) -> str:
    """Call a member in messages of allauth's."""
    return user.shown_name


class PhoneField(forms.CharField):
    """A mobile number as people write it; cleaned to E.164."""

    widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": "手机号", "max_length": 30, **kwargs})

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return normalised(text)
        except NotAMobileNumber:
            raise forms.ValidationError(INVALID_PHONE, code="invalid_phone") from None


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "这个账号已停用",
        "cannot_remove_primary_email": "不能删除唯一的登录方式",
        "duplicate_email": "这已经是您的邮箱",
        "email_password_mismatch": "邮箱或密码不正确。连续错 5 次，要等 5 分钟",
        "phone_password_mismatch": "手机号或密码不正确。连续错 5 次，要等 5 分钟",
        "username_password_mismatch": "请输入手机号或邮箱",
        "email_taken": "这个邮箱已经属于另一个账号，请直接登录",
        "phone_taken": "这个手机号已经属于另一个账号，请直接登录",
        "enter_current_password": "当前密码不正确",
        "incorrect_code": "验证码不正确，请核对最新一条消息里的六位数字",
        "incorrect_password": "密码不正确",
        "too_many_login_attempts": "尝试次数过多，请重新获取验证码，或 5 分钟后再试",
        "rate_limited": "太频繁了，请 1 分钟后再试",
        "same_as_current": "与当前的相同，不需要更改",
    }

    # Numbers

    def phone_form_field(self, **kwargs: Any) -> PhoneField:
        return PhoneField(**{**kwargs, "label": "手机号"})

    def get_phone(self, user: User) -> tuple[str, bool] | None:
        return (user.phone, user.phone_verified) if user.phone else None

    def set_phone(self, user: User, phone: str, verified: bool) -> None:
        user.set_phone(phone, verified=verified)
        user.save(update_fields=["phone", "phone_hash", "phone_verified"])

    def set_phone_verified(self, user: User, phone: str) -> None:
        """Take a proven number; every contact of the member's hears of it. A code that signs in changes nothing."""
        former = user.phone if user.phone_verified else None
        if former != phone:
            self.set_phone(user, phone, True)
            services.alert_change(member=user, channel=Message.Channel.SMS, former=former, now=timezone.now())

    def get_user_by_phone(self, phone: str) -> User | None:
        """Find the owner of a number; who only typed it owns nothing."""
        return User.objects.with_proven_phone(phone)

    # SMS

    def send_verification_code_sms(self, user: User, phone: str, code: str, **_: Any) -> None:
        text = f"验证码 {code}，{MINUTES} 分钟内有效。请勿告诉他人；不是您本人操作请忽略。"
        self._send_sms(phone, "code", text, params={"code": code}, member=user)

    def send_account_already_exists_sms(self, phone: str) -> None:
        refusal, member = services.refusal_of(phone), User.objects.with_proven_phone(phone)
        if refusal:
            self._send_sms(phone, "notice", refusal.text, params={"subject": refusal.subject}, member=member)
            return
        text = "您的手机号已有账号，请直接登录；忘记密码可用短信验证码登录。不是您本人操作请忽略。"
        self._send_sms(phone, "taken", text, member=member)

    def send_unknown_account_sms(self, phone: str, **_: Any) -> None:
        self._send_sms(phone, "unknown", "您的手机号还没有账号，请先注册。不是您本人操作请忽略。")

    def _send_sms(self, to: str, template: str, text: str, **more: Any) -> None:
        """Write an SMS row.

        :raises RateLimited: when the number has been sent enough for a day; forms say so before it comes to this
        """
        now = timezone.now()
        if services.capped_until(to=to, now=now, spared=spared_codes(context.request, to)):
            raise RateLimited
        more.setdefault("params", {})
        # Whatever it says, it leaves as fast as a code would: how long it takes tells nobody who is a member.
        sms = Message.Channel.SMS
        services.send_message(channel=sms, to=to, body=text, template=template, valid_for=CODE_VALID, now=now, **more)

    # Mail

    def send_account_already_exists_mail(self, email: str) -> None:
        refusal = services.refusal_of(email)
        if refusal is None:
            super().send_account_already_exists_mail(email)
        else:
            self.send_mail("account/email/no_new_account", email, {"refusal": refusal})

    def format_email_subject(self, subject: str) -> str:
        return f"【{settings.SITE_NAME}】{subject}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write a mail row in place of sending."""
        mail = self.render_mail(template_prefix, email, {**context, "email": email, "minutes": MINUTES})
        services.send_message(
            channel=Message.Channel.MAIL,
            to=email,
            subject=mail.subject,
            body=mail.body,
            member=User.objects.sealed().filter(email=email.lower()).first(),
            valid_for=CODE_VALID,
            now=timezone.now(),
        )

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell the member in one sentence and with a way to stop it; of addresses tells `tell_of_address`."""
        if what := ALERTS.get(template_prefix):
            services.alert(member=user, what=what, now=timezone.now(), also=filter(None, [email, user.email]))
        if template_prefix == "account/email/email_deleted":
            former = (context or {})["deleted_email"]
            services.alert_change(member=user, channel=Message.Channel.MAIL, former=former, now=timezone.now())

    # Signing in

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *rest: Any, **named: Any
    ) -> None:
        """Say what allauth has to say, except "you are signed in": whoever has just signed in sees that."""
        if message_template != "account/messages/logged_in.txt":
            super().add_message(request, level, message_template, *rest, **named)

    def login(self, request: HttpRequest, user: User) -> None:
        """Let go of a WeChat that waited to join, and of the short life that its session had.

        :raises ImmediateHttpResponse: when the sign-in began before its member locked the account
        """
        if began_before_lock(request, user):
            clear_login(request)
            messages.error(request, EXPIRED_SIGN_IN)
            raise ImmediateHttpResponse(redirect("account_login"))
        clear_pending_signup(request)
        request.session.set_expiry(None)
        super().login(request, user)

    def pre_login(self, *_request: Any, **_login: Any) -> None:
        """Let in who was suspended, where allauth would not: see `SuspendedMembersMiddleware`."""

    def get_login_stages(self) -> list[str]:
        return [OUR_STAGES.get(path, path) for path in super().get_login_stages()]

    def pre_authenticate(self, request: HttpRequest, **_credentials: Any) -> None:
        """Count a try for the address it comes from; for its account counts `accounts.backends`.

        :raises django.forms.ValidationError: when there were too many
        """
        attempts.for_address().enforce(self.get_client_ip(request))

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Ask whoever changes how one signs in; allauth asks nobody who has neither password nor second step.

        :raises ReauthenticationRequired: when such a one has not entered a code lately, though it would reach them
        """
        request = context.request
        asked = get_reauthentication_flows(request.user) or not services.contacts_of(request.user)
        if not asked and not has_entered_a_code(request, request.user):
            raise ReauthenticationRequired
        return super().is_reauthentication_required(app=app, **more)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Offer a code too, but never in place of a second step."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        has_second_step = any(method["id"] != "reauthenticate" for method in methods)
        if not has_second_step and user.is_authenticated and services.contacts_of(user):
            methods.append({"id": "code", "description": "code", "url": reverse("accounts:prove")})
        return methods

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Let an address go only while a proven number is left to sign in with."""
        return bool(email_address.user.phone_verified)


def forget_tries(*, user: User, **_signal: Any) -> None:
    """Let in at once who has just set a new password."""
    for who in (attempts.of_member(user.pk), *services.contacts_of(user).values()):
        attempts.for_account().forget(who)


def tell_of_address(*, user: User, from_email_address: EmailAddress | None, **_signal: Any) -> None:
    """Tell a member that an address was added to their account, or has replaced another."""
    former = from_email_address.email if from_email_address else None
    services.alert_change(member=user, channel=Message.Channel.MAIL, former=former, now=timezone.now())


class SecondStepAdapter(DefaultMFAAdapter):
    """Keeps authenticator secrets encrypted."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "没有通过验证，请再试一次",
        "unverified_email": "请先证明登录邮箱是您的，再设置两步验证",
    }
    cipher = ColumnCipher("mfa.authenticator.data")

    def is_mfa_enabled(self, user: Any, types: Any = None) -> bool:
        """Ask no second time when the sign-in of this very request has found no second step of any kind."""
        return not getattr(user, "signs_in_unguarded", False) and super().is_mfa_enabled(user, types=types)

    def get_totp_label(self, user: User) -> str:
        return user.shown_name

    def _get_user_identifier(self, user: User) -> str:
        """Name the account in the browser's list of keys: a whole number or address there is for every onlooker."""
        return user.shown_name

    def _get_site_name(self) -> str:
        return str(settings.SITE_NAME)

    def encrypt(self, text: str) -> str:
        return base64.b64encode(self.cipher.encrypt(text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self.cipher.decrypt(base64.b64decode(encrypted_text)).decode()
