"""Where the channels tell us what happened."""

import structlog
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from courses import gateways, services

BODY_LIMIT = 64 * 1024
log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def notify(request: HttpRequest, channel: str) -> HttpResponse:
    """Take a notice whose signature is right; of any other, nothing is kept but a line in the log."""
    if channel not in gateways.GATEWAYS:
        raise Http404
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
        return _answer("too long", status=413)
    try:
        notice = gateways.get(channel).read(request.POST.dict())
    except gateways.BadSignature as reason:
        log.warning("notice.forged", channel=channel, reason=str(reason))
        return _answer("fail", status=400)
    outcome = services.receive_notice(channel=channel, notice=notice, now=timezone.now())
    log.info("notice.received", channel=channel, outcome=outcome)
    return _answer("success")


def _answer(word: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(word, status=status, content_type="text/plain")
