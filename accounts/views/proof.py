"""Sending the code that stands in for a password."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import BaseReauthenticateView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import services
from accounts.forms.proof import ProofForm, pending_key, queried
from consent.asking import stays_open

# What a code can be asked for: how the message calls it, and the page that asks.
ACTS = {
    "close": ("注销账号", "accounts:close"),
    "export": ("导出个人信息", "accounts:export"),
    "prove": ("更改登录方式", "accounts:prove"),
}


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
    page["Location"] += f"{queried(next_page=get_next_redirect_url(request), with_code=True)}#proof"
    return page


class ProveView(BaseReauthenticateView):
    """Stands beside allauth's pages that ask for a password or a second step; whoever has proven it goes on."""

    form_class = ProofForm
    template_name = "accounts/prove.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request, "act": "prove"}

    def form_valid(self, form: Any) -> HttpResponse:
        record_authentication(self.request, self.request.user, method="code", reauthenticated=True)
        return super().form_valid(form)


prove = stays_open(login_required(ProveView.as_view()))
