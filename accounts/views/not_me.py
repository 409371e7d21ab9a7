"""不是我: whoever reads that their account was used by somebody else stops it with one button."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.models import Alert
from accounts.phone import masked, masked_email
from consent.asking import stays_open

LOCKED = "账号已锁定，所有设备都已退出。请用验证码重新设置密码"


@stays_open
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Say what the button does; a mail program that only looks at the link locks nobody out."""
    try:
        if request.method == "POST":
            services.lock(token=token, now=timezone.now())
            messages.success(request, LOCKED)
            return redirect(reverse("account_reset_password"))
        alert = services.alert_of(token=token, now=timezone.now())
    except services.LinkIsSpent:
        return render(request, "accounts/not_me.html", {"is_spent": True}, status=410)
    return render(request, "accounts/not_me.html", {"restored": _in_words(alert)})


def _in_words(alert: Alert) -> list[str]:
    """Say which contacts the button puts back; whoever reads it may not be the member."""
    shown = {"sms": ("手机号", masked), "mail": ("邮箱", masked_email)}
    restored = services.contacts_to_restore(alert).items()
    return [f"登录{shown[channel][0]}改回 {shown[channel][1](to)}" for channel, to in restored]
