"""Signing in by WeChat (开放平台, 网站应用): what allauth leaves to us. Not there without its keys."""

import re
from typing import Any

import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.weixin.client import WeixinOAuth2Client
from allauth.socialaccount.providers.weixin.views import WeixinOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts import services
from accounts.models import User

OPENID = re.compile(r"[\w-]{1,128}", re.ASCII)
WAITS = 1800  # seconds for reading the texts before joining; then the session that knows of it ends
log = structlog.get_logger(__name__)


def is_on() -> bool:
    """Tell whether this portal has the keys that signing in by WeChat needs."""
    return bool(settings.WEIXIN["app_id"] and settings.WEIXIN["app_secret"])


class WeixinClient(WeixinOAuth2Client):
    """Speaks to WeChat: an error comes with status 200, and JSON as text/plain."""

    def get_redirect_url(self, *asked: Any) -> str:
        return f"{super().get_redirect_url(*asked)}#wechat_redirect"

    def get_access_token(self, code: str, pkce_code_verifier: str | None = None) -> dict[str, str]:
        """Exchange the code for the number by which WeChat knows this person here.

        :raises OAuth2Error: when WeChat refuses, or answers something else
        :raises requests.RequestException: when it does not answer in time, or no JSON
        """
        said = self._ask({"code": code, "grant_type": "authorization_code"})
        openid = said.get("openid") if isinstance(said, dict) and "access_token" in said else None
        if not isinstance(openid, str) or not OPENID.fullmatch(openid):
            raise OAuth2Error(_why(said))
        return {"openid": openid}

    def _ask(self, params: dict[str, str]) -> Any:
        # In the body: an address is written into logs on the way.
        secret = {"appid": self.consumer_key, "secret": self.consumer_secret}
        with get_adapter().get_requests_session() as session:
            answer = session.request("POST", self.access_token_url, data={**secret, **params}, allow_redirects=False)
            return answer.json()


def _why(said: Any) -> str:
    """Name WeChat's number for the error; its words may repeat what they were asked."""
    number = said.get("errcode") if isinstance(said, dict) else None
    return f"errcode {number}" if isinstance(number, int) else "no openid"


class WeixinAdapter(WeixinOAuth2Adapter):
    """Asks once, for the number alone: nickname, picture, sex and city never come here."""

    client_class = WeixinClient

    @property
    def authorize_url(self) -> str:
        return settings.WEIXIN["page"]

    @property
    def access_token_url(self) -> str:
        return f"{settings.WEIXIN['api']}/sns/oauth2/access_token"

    def parse_token(self, _said: dict[str, str]) -> None:
        """Keep no token, not even in the session."""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: None, **said: Any) -> SocialLogin:
        return self.get_provider().sociallogin_from_response(request, said["response"])


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, *_asked: Any, **_named: Any) -> list[SocialApp]:
        """Know WeChat from the settings, or nothing; the database is not asked."""
        keys = {"client_id": settings.WEIXIN["app_id"], "secret": settings.WEIXIN["app_secret"]}
        return [SocialApp(provider=services.WEIXIN, **keys)] if is_on() else []

    def populate_user(self, _request: HttpRequest, sociallogin: SocialLogin, _data: dict[str, Any]) -> User:
        return sociallogin.user

    def serialize_instance(self, instance: Any) -> dict[str, Any]:
        """Let nothing but the number wait in the session; there is no member yet."""
        return {} if isinstance(instance, User) else super().serialize_instance(instance)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Link WeChat for a member who asked for it, here: allauth would write the whole member back."""
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            raise ImmediateHttpResponse(_link(request, sociallogin.account))

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Tell a person who changed their mind from a failure: WeChat leads back without a code then."""
        if exception is None and "state" in (extra_context or {}) and "error" not in request.GET:
            raise ImmediateHttpResponse(redirect("socialaccount_login_cancelled"))
        if error != AuthError.CANCELLED:
            refused = str(exception) if isinstance(exception, OAuth2Error) else type(exception).__name__
            log.warning("weixin.failed", why=refused if exception else "state")


def _link(request: HttpRequest, found: SocialAccount) -> HttpResponse:
    member: Any = request.user
    if not member.is_authenticated:
        return redirect("account_login")
    try:
        services.link_weixin(member=member, openid=found.uid, now=timezone.now())
    except services.LinkedAlready:
        messages.info(request, "这个微信已经绑定在您的账号上")
    except services.LinkedToAnother:
        messages.error(request, "这个微信已经绑定了另一个账号，请先在那个账号里解除绑定")
    except services.HasAnotherWeixin:
        messages.error(request, "您的账号已经绑定了一个微信，请先解除绑定")
    else:
        messages.success(request, "微信已绑定，以后可以用它登录")
    return redirect("socialaccount_connections")
