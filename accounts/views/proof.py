"""Sending the code that stands in for a password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import services
from accounts.forms.proof import pending_key
from consent.asking import stays_open

# What a code can be asked for: how the message calls it, and the page that asks.
ACTS = {"close": ("注销账号", "accounts:close"), "export": ("导出个人信息", "accounts:export")}


@stays_open
@login_required
@require_POST
def send_proof_code(request: HttpRequest, act: str) -> HttpResponse:
    """Send six digits to the member's own number or address, and lead back to where they are asked for."""
    if act not in ACTS:
        raise Http404
    member: Any = request.user
    words, asking = ACTS[act]
    page = redirect("accounts:closing" if member.is_closing else asking)
    try:
        channel = request.POST.get("channel", "")
        sent = services.send_confirmation_code(member=member, channel=channel, act=words, now=timezone.now())
    except services.CodeNotSent as reason:
        messages.error(request, str(reason))
    else:
        request.session[pending_key(act)] = sent
        messages.success(request, "验证码已发送，请查收")
    page["Location"] += "?with=code#proof"
    return page
