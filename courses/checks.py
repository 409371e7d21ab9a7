"""`manage.py check --deploy` refuses a portal whose cashier is a toy, or whose notices cannot arrive."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def payments_are_real(**_: Any) -> list[CheckMessage]:
    """List what keeps money from arriving, or lets anybody print it."""
    said, problems = settings.ALIPAY, list[CheckMessage]()
    if _is_near(said["gateway"]):
        problems.append(_error(1, "ALIPAY_GATEWAY is on this machine", "Leave it unset: the default is Alipay's."))
    if _is_near(settings.SITE_URL):
        problems.append(
            _error(2, "SITE_URL is on this machine: no channel can tell us anything", "The public address.")
        )
    missing = [name for name in ("app_id", "seller_id", "private_key", "public_key") if not said[name]]
    problems += [_error(3, f"ALIPAY_{name.upper()} is missing", "Nobody can pay without it.") for name in missing]
    return problems


def _is_near(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host


def _error(number: int, message: str, hint: str) -> Error:
    return Error(f"{message}.", hint=hint, id=f"courses.E{number:03}")
