"""What the pages of buying share."""

from typing import cast

from django.http import HttpRequest, HttpResponse

from accounts.models import User


def member_of(request: HttpRequest) -> User:
    """Return who is signed in; only for views that require it."""
    return cast("User", request.user)


def state_answer(state: str) -> HttpResponse:
    """Answer a page that waits for something to change: one word, never cached."""
    return HttpResponse(state, content_type="text/plain; charset=utf-8")
