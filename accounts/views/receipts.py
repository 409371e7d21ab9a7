"""The receipt of a leaving, for whoever has its number: a page to keep, and the very words that were signed."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import services
from accounts.models import Closure
from accounts.services.receipts import Receipt
from consent.asking import stays_open


@stays_open
@never_cache
@require_safe
def receipt(request: HttpRequest, number: str) -> HttpResponse:
    """Show a receipt and whether its signature holds."""
    found = _receipt(number)
    moments = {name: found.moment(name) for name in ("requested_at", "erased_at", "finished_at", "backups_until")}
    return render(request, "accounts/receipt.html", {"receipt": found, "number": number, **moments})


@stays_open
@never_cache
@require_safe
def receipt_json(request: HttpRequest, number: str) -> JsonResponse:
    """Hand out what anybody needs to verify a receipt without us: the signed words, the signature, the public key."""
    found = _receipt(number)
    told = {
        "receipt": found.content,
        "signed": found.signed,
        "algorithm": "Ed25519",
        "signature": found.signature,
        "public_key": found.public_key,
        "is_valid": found.is_valid,
    }
    return JsonResponse(told, json_dumps_params={"ensure_ascii": False, "indent": 1})


def _receipt(number: str) -> Receipt:
    closure = Closure.objects.filter(number=number).exclude(receipt="").first()
    if closure is None:
        raise Http404
    return services.read_receipt(closure)
