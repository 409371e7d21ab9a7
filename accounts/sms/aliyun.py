"""Aliyun SMS (Dysmsapi 2017-05-25) through its official SDK."""

import json
from typing import Any

from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions
from django.conf import settings

from accounts.sms import TIMEOUT_SECONDS, Sms, SmsRefused

# Codes after which the same message will never be taken: https://help.aliyun.com/document_detail/101346.html
FINAL = {
    "isv.MOBILE_NUMBER_ILLEGAL",
    "isv.MOBILE_COUNT_OVER_LIMIT",
    "isv.INVALID_PARAMETERS",
    "isv.TEMPLATE_MISSING_PARAMETERS",
    "isv.INVALID_JSON_PARAM",
    "isv.PARAM_LENGTH_LIMIT",
    "isv.PARAM_NOT_SUPPORT_URL",
    "isv.BLACK_KEY_CONTROL_LIMIT",
    "isv.DAY_LIMIT_CONTROL",
}


class AliyunBusy(Exception):
    """Aliyun did not take the message this time: too many at once, the account out of credit, a fault of its own."""


class Backend:
    """Sends each message with the template that `ALIYUN_SMS_TEMPLATES` names for it."""

    def __init__(self) -> None:
        self.said = settings.ALIYUN_SMS
        self.client = Client(
            Config(
                access_key_id=self.said["access_key_id"],
                access_key_secret=self.said["access_key_secret"],
                endpoint=self.said["endpoint"],
                protocol=self.said["protocol"],
            )
        )

    def send(self, sms: Sms) -> None:
        request = SendSmsRequest(
            phone_numbers=_as_aliyun_writes(sms.to),
            sign_name=self.said["sign_name"],
            template_code=self._template(sms),
            template_param=json.dumps(sms.params, ensure_ascii=False),
        )
        answer = self.client.send_sms_with_options(request, _limits()).body
        if answer.code in FINAL:
            raise SmsRefused(answer.code)
        if answer.code != "OK":
            raise AliyunBusy(answer.code)

    def _template(self, sms: Sms) -> str:
        code: str | None = self.said["templates"].get(sms.template)
        if code is None:
            raise SmsRefused(f"no template for {sms.template}")
        return code


def _limits() -> Any:
    milliseconds = TIMEOUT_SECONDS * 1000 // 2  # one half to connect, one half to be answered
    return RuntimeOptions(connect_timeout=milliseconds, read_timeout=milliseconds, autoretry=False)


def _as_aliyun_writes(phone: str) -> str:
    """Write a mainland number without its country code, any other without its plus."""
    return phone.removeprefix("+86").removeprefix("+")
