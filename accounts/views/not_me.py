"""不是我: whoever reads that their account was used by somebody else stops it with one button."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services
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
        services.member_of(token)
    except services.LinkIsSpent:
        return render(request, "accounts/not_me.html", {"is_spent": True}, status=410)
    return render(request, "accounts/not_me.html")
