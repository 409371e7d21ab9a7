"""A member who is purged at the very moment when everything else happens to them too."""

from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Export, User
from complaints.models import Case
from courses import gateways, services
from courses.models import Enrollment, Order, Payment, Refund
from tests.accounts.test_purge_processes import in_parallel, is_done, leaving
from tests.factories import attach_pictures, make_case, make_course, make_order, make_payment

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def paid(payment: Payment) -> gateways.Trade:
    """What the channel says once the buyer has paid."""
    return gateways.Trade(
        out_trade_no=payment.out_trade_no,
        trade_no=f"2026{payment.pk:024}",
        amount_fen=payment.amount_fen,
        state=gateways.TradeState.PAID,
        is_ours=True,
    )


@pytest.mark.parametrize("_round", range(4))
def test_who_buys_complains_exports_and_pays_while_they_go_goes_whole(_round, alice, documents, cashier):
    """Tabs that were open, a notice of the channel, the clock: each is refused, or what it wrote goes too."""
    payment, course, now = make_payment(make_order(member=alice)), make_course(), timezone.now()
    accounts.request_export(member=alice, now=now)
    closure = leaving(alice)
    told = in_parallel(
        lambda: accounts.purge_due(now=now),
        lambda: services.place_order(member=alice, course=course, now=now),
        lambda: attach_pictures(make_case(member=alice)),
        lambda: accounts.build_due_exports(now=now),
        lambda: services.settle(channel="alipay", trade=paid(payment), now=now),
    )
    assert isinstance(told[0], int), "the purge itself refuses nothing"
    assert not [one for one in told if isinstance(one, TypeError | AttributeError | NameError | LookupError)]
    for _ in range(50):
        accounts.purge_due(now=timezone.now())
        if is_done(closure):
            break
    assert not User.objects.exists()
    for theirs in (Case.objects.exclude(member=None), Enrollment.objects.all(), Export.objects.all()):
        assert not theirs.exists()
    assert set(Order.objects.values_list("member", flat=True)) <= {None}
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if str(alice.media_prefix) in str(path)]
    kept = Payment.objects.get(pk=payment.pk)
    assert kept.state == "succeeded", "the books say that it came"
    assert not Refund.objects.exclude(payment=kept).exists()
