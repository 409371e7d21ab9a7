"""What allauth, Django's sessions and its admin log hold about a member, declared like our own models."""

from typing import Any

from django.apps import apps

from consent.inventory import DELETE, declare
from consent.wording import one_of, pairs


def told_change(message: Any) -> str:
    """Say what Django's log keeps as JSON."""
    return str(apps.get_model("admin.LogEntry")(change_message=message).get_change_message())


class EmailAddress:
    title = "邮箱"
    clause = "一1"
    purpose = "登录、联系您"
    owner = "user"
    page = "account_email"
    on_close = DELETE


class EmailConfirmation:
    title = "邮箱验证"
    clause = "一1"
    purpose = "验证邮箱"
    owner = "email_address__user"
    on_close = DELETE
    withheld = {"key"}


class Authenticator:
    title = "两步验证"
    clause = "四8"
    purpose = "两步验证"
    owner = "user"
    page = "mfa_index"
    on_close = DELETE
    withheld = {"data"}
    headings = {"type": "办法", "created_at": "添加时间", "last_used_at": "上次使用时间"}
    in_words = {"type": one_of({"recovery_codes": "恢复码", "totp": "身份验证器", "webauthn": "安全密钥或通行密钥"})}


class UserSession:
    title = "登录设备"
    clause = "四8"
    purpose = "让您看到并退出已登录的设备"
    owner = "user"
    page = "usersessions_list"
    on_close = DELETE
    withheld = {"session_key", "data"}
    headings = {"created_at": "登录时间", "ip": "IP 地址", "last_seen_at": "最近使用时间", "user_agent": "浏览器"}


class SocialAccount:
    title = "微信登录"
    clause = "一1"
    purpose = "用微信登录"
    owner = "user"
    page = "socialaccount_connections"
    on_close = DELETE
    headings = {"uid": "微信给本站的编号"}
    in_words = {"provider": one_of({"weixin": "微信"}), "extra_data": pairs()}


class SocialToken:
    title = "微信登录令牌（用完即弃，不保存）"
    clause = "一1"
    purpose = "用微信登录"
    owner = "account__user"
    on_close = DELETE
    withheld = {"token", "token_secret"}
    headings = {"app": "应用"}


class LogEntry:
    title = "工作台操作记录"
    clause = "四3"
    purpose = "工作人员的操作记录"
    owner = "user"
    on_close = DELETE
    in_words = {"change_message": told_change}


declare("account.EmailAddress", EmailAddress)
declare("account.EmailConfirmation", EmailConfirmation)
declare("mfa.Authenticator", Authenticator)
declare("usersessions.UserSession", UserSession)
declare("socialaccount.SocialAccount", SocialAccount)
declare("socialaccount.SocialApp", None)
declare("socialaccount.SocialToken", SocialToken)
declare("admin.LogEntry", LogEntry)
