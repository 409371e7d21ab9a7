"""What the front page of the admin says of money."""

from django.http import HttpRequest
from django.urls import reverse

from consent.waiting import Waiting
from courses.models import Payment, Refund


def waiting(request: HttpRequest) -> list[Waiting]:
    """Count what the clock cannot settle by itself."""
    heaps = []
    if request.user.has_perm("courses.view_payment"):
        queue = reverse("admin:courses_payment_changelist")
        heaps.append(
            Waiting(
                "笔付款可疑，待核对", Payment.objects.suspect().count(), f"{queue}?state__exact=suspect", is_urgent=True
            )
        )
    if request.user.has_perm("courses.view_refund"):
        queue = reverse("admin:courses_refund_changelist")
        heaps.append(
            Waiting("笔退款被渠道拒绝", Refund.objects.failed().count(), f"{queue}?state__exact=failed", is_urgent=True)
        )
    return heaps
