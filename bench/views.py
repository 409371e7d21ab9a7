"""The floor: what any page of this site costs before it says anything of its own."""

from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from courses.models import Course


def floor(request: HttpRequest, template: str) -> HttpResponse:
    """Render one flat template after one query of 20 rows, for a member whose session was read."""
    request.user.is_authenticated  # noqa: B018 - loads the session and the member, as every page does
    return render(request, f"{template}.html", {"rows": list(Course.objects.order_by("pk")[:20])})


def one_hash(request: HttpRequest) -> HttpResponse:
    """Spend one password hash and nothing else beyond the middleware."""
    make_password("correct horse battery staple")
    return HttpResponse("ok")


def no_hash(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")
