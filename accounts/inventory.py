"""What allauth, Django's sessions and its admin log hold about a member, declared like our own models."""

from consent.inventory import DELETE, declare


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


class UserSession:
    title = "登录设备"
    clause = "四8"
    purpose = "让您看到并退出已登录的设备"
    owner = "user"
    page = "usersessions_list"
    on_close = DELETE
    withheld = {"session_key", "data"}


class SocialAccount:
    title = "微信登录"
    clause = "一1"
    purpose = "用微信登录"
    owner = "user"
    page = "socialaccount_connections"
    on_close = DELETE


class SocialToken:
    title = "微信登录令牌（用完即弃，不保存）"
    clause = "一1"
    purpose = "用微信登录"
    owner = "account__user"
    on_close = DELETE
    withheld = {"token", "token_secret"}


class LogEntry:
    title = "工作台操作记录"
    clause = "四3"
    purpose = "工作人员的操作记录"
    owner = "user"
    on_close = DELETE


declare("account.EmailAddress", EmailAddress)
declare("account.EmailConfirmation", EmailConfirmation)
declare("mfa.Authenticator", Authenticator)
declare("usersessions.UserSession", UserSession)
declare("socialaccount.SocialAccount", SocialAccount)
declare("socialaccount.SocialApp", None)
declare("socialaccount.SocialToken", SocialToken)
declare("admin.LogEntry", LogEntry)
