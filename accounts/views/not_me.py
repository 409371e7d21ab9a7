"""不是我: whoever reads that their account was used by somebody else stops it with one button."""

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import services
from accounts.phone import masked, masked_email
from accounts.proven import note_lock
from consent.asking import stays_open

LOCKED = "账号已锁定，所有设备都已退出。请用验证码重新设置密码"
NO_WAY_IN = "账号已锁定，所有设备都已退出。您原来的手机号或邮箱现在属于另一个账号，请在这里联系我们核实身份"
NAMES = {"sms": ("手机号", masked), "mail": ("邮箱", masked_email)}


@stays_open
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """Say what the button does; a mail program that only looks at the link locks nobody out."""
    try:
        if request.method == "POST":
            return _lock(request, token)
        alert = services.alert_of(token=token, now=timezone.now())
    except services.LinkIsSpent:
        return render(request, "accounts/not_me.html", {"is_spent": True}, status=410)
    effect = services.effect_of(alert)
    shown = {"effect": effect, "changes": list(_in_words(effect)), "is_closing": alert.member.is_closing}
    return render(request, "accounts/not_me.html", shown)


def _lock(request: HttpRequest, token: str) -> HttpResponse:
    effect = services.lock(token=token, now=timezone.now())
    request.session.flush()  # it may be one of those that were ended; and what this browser had begun is over
    if not effect.leaves_a_way_in:
        messages.warning(request, NO_WAY_IN)
        return redirect("complaints:index")
    note_lock(request, effect.contacts.values())
    messages.success(request, LOCKED)
    return redirect("account_reset_password")


def _in_words(effect: services.Effect) -> Iterator[str]:
    """Say what becomes of the contacts; whoever reads it may not be the member."""
    for kind, to in effect.put_back.items():
        name, hide = NAMES[kind]
        yield f"把登录{name}改回 {hide(to)}"
    for kind, to in effect.taken_away.items():
        name, hide = NAMES[kind]
        if kind not in effect.put_back:
            yield f"移除登录{name} {hide(to)}"
