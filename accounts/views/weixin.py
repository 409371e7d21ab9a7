"""Signing in and joining by WeChat, and linking it; not there without its keys."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal.flows.login import complete_login
from allauth.socialaccount.internal.flows.signup import clear_pending_signup, get_pending_signup
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.views import SignupView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from accounts import services
from accounts.weixin import WAITS, WeixinAdapter, is_on

View = Callable[..., HttpResponse]
TOO_LATE = "等待的时间太久，请再扫一次码"
LAST_WAY_IN = "微信是您唯一的登录方式。请先添加并验证手机号或邮箱，或者添加可以单独登录的通行密钥，再解除绑定"

_take_back: View = OAuth2CallbackView.adapter_view(WeixinAdapter)


def present(view: View) -> View:
    """Hide a page where there is no signing in by WeChat."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_on():
            raise Http404
        return view(request, *args, **kwargs)

    return shown


@present
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Lead a visitor to WeChat's page with the code to scan."""
    after = get_next_redirect_url(request)
    if request.user.is_authenticated:
        return redirect(after or settings.LOGIN_REDIRECT_URL)
    return _lead_away(request, AuthProcess.LOGIN, after)


@login_required
@present
@require_POST
@reauthentication_required(app="allauth.socialaccount")
def link(request: HttpRequest) -> HttpResponse:
    """Lead a member, who has just proven who they are, to WeChat's page."""
    return _lead_away(request, AuthProcess.CONNECT, None)


def _lead_away(request: HttpRequest, process: str, after: str | None) -> HttpResponse:
    refused: HttpResponse | None = ratelimit.consume_or_429(request, action="signup")
    if refused:
        return refused
    provider = get_adapter().get_provider(request, services.WEIXIN)
    there: HttpResponse = provider.redirect(request, process=process, next_url=after)
    return there


@transaction.non_atomic_requests  # nothing of ours is held while WeChat is asked
@present
@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take a person back from WeChat: in, to the page where one joins, or to where they linked it from."""
    answer = _take_back(request)
    if get_pending_signup(request):
        request.session.set_expiry(WAITS)
    return answer


class JoinView(SignupView):
    """Asks for the agreement; nothing is kept of who goes away."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Make the account; whoever sends the page twice comes in the second time."""
        if services.hold_weixin(openid=self.sociallogin.account.uid) is None:
            return super().form_valid(form)
        signed_in: HttpResponse = complete_login(self.request, self.sociallogin)
        return signed_in


@present
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Ask a newcomer for their agreement, or for another scan when they have read for too long."""
    if request.user.is_anonymous and get_pending_signup(request) is None:
        messages.error(request, TOO_LATE)
    answer: HttpResponse = JoinView.as_view()(request)
    return answer


@present
@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    """Forget who was about to join, and show the other ways in."""
    clear_pending_signup(request)
    return render(request, "socialaccount/login_cancelled.html")


@login_required
@require_safe
def connection(request: HttpRequest) -> HttpResponse:
    """Show a member whether WeChat is linked; who linked it may undo that when the keys are gone too."""
    member: Any = request.user
    linked = services.weixin_of(member=member)
    if linked is None and not is_on():
        raise Http404
    return render(request, "accounts/weixin.html", {"linked": linked})


@login_required
@reauthentication_required(app="allauth.socialaccount")
@require_POST
def unlink(request: HttpRequest) -> HttpResponse:
    """Forget a member's WeChat, unless they could not come in without it."""
    member: Any = request.user
    try:
        if services.unlink_weixin(member=member, now=timezone.now()):
            messages.success(request, "微信已解除绑定")
    except services.LastWayIn:
        messages.error(request, LAST_WAY_IN)
    return redirect("socialaccount_connections" if is_on() else "accounts:me")
