"""allauth looks for providers of a sign-in under this name."""

from typing import Any

from allauth.socialaccount.providers.weixin import provider

from accounts.weixin import WeixinAdapter


class WeixinProvider(provider.WeixinProvider):
    """WeChat, of which the number is kept by which it knows a person here, and nothing else."""

    name = "微信"
    oauth2_adapter_class = WeixinAdapter

    def extract_extra_data(self, _said: dict[str, Any]) -> dict[str, Any]:
        return {}

    def extract_common_fields(self, _said: dict[str, Any]) -> dict[str, Any]:
        return {}


provider_classes = [WeixinProvider]
