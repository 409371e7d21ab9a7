"""`manage.py check --deploy` refuses a portal that would show everybody's messages, or send none."""

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

NOT_SENDING = ("accounts.sms.console.", "accounts.sms.memory.", "accounts.sms.inbox.")
NOT_MAILING = (
    "accounts.mail.",
    *(f"django.core.mail.backends.{kind}." for kind in ("console", "locmem", "dummy", "filebased")),
)


@register(Tags.security, deploy=True)
def messages_reach_people(**_: object) -> list[CheckMessage]:
    """List what keeps SMS or mail from arriving, or lays them open."""
    problems: list[CheckMessage] = []
    if settings.SMS_BACKEND.startswith(NOT_SENDING):
        problems.append(_error(1, "SMS_BACKEND sends no SMS", "SMS_BACKEND=accounts.sms.aliyun.Backend"))
    if settings.EMAIL_BACKEND.startswith(NOT_MAILING):
        problems.append(_error(2, "EMAIL_URL sends no mail", "EMAIL_URL=smtp+tls://user:password@host:587"))
    if settings.DEMO_INBOX_DIR is not None:
        problems.append(_error(3, "DEMO_INBOX_DIR shows everybody's messages to everybody", "Leave it empty."))
    if settings.SMS_BACKEND.startswith("accounts.sms.aliyun."):
        problems += _aliyun_problems()
    return problems


@register(Tags.security, deploy=True)
def weixin_has_both_keys(**_: object) -> list[CheckMessage]:
    """Refuse one of WeChat's two keys without the other: nobody would see why there is no button."""
    said = {name: settings.WEIXIN[name] for name in ("app_id", "app_secret")}
    missing = [f"WEIXIN_{name.upper()}" for name, value in said.items() if not value]
    return [_error(5, f"{missing[0]} is missing", "WeChat sign-in needs both keys.")] if len(missing) == 1 else []


def _aliyun_problems() -> list[CheckMessage]:
    from accounts.models import Message

    said = settings.ALIYUN_SMS
    missing = [f"ALIYUN_SMS_{name.upper()}" for name in ("access_key_id", "access_key_secret") if not said[name]]
    missing += [f"ALIYUN_SMS_TEMPLATES ({kind})" for kind in Message.Template.values if kind not in said["templates"]]
    return [_error(4, f"{name} is missing", "Aliyun refuses every SMS without it.") for name in missing]


def _error(number: int, message: str, hint: str) -> Error:
    return Error(f"{message}.", hint=hint, id=f"accounts.E{number:03}")
