"""allauth's page on which a key is removed, unless nobody could come in without it."""

from typing import Any

from allauth.mfa.webauthn.views import remove_webauthn
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import services

LAST_WAY_IN = "这是您唯一的登录方式。请先添加并验证手机号或邮箱，或者再添加一个可以单独登录的通行密钥，再移除它"


@login_required
def remove_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a key; the last way in stays."""
    member: Any = request.user
    if not services.may_remove_key(member=member, key=pk):
        messages.error(request, LAST_WAY_IN)
        return redirect("mfa_list_webauthn")
    answer: HttpResponse = remove_webauthn(request, pk=pk)
    return answer
