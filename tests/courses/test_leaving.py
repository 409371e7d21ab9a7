"""What a member's leaving does to what they bought and saved."""

import pytest

from accounts.closing import NotYet
from consent import inventory
from courses import closing, services
from courses.models import Enrollment, Order, Payment, PaymentAccount, PaymentEvent, Refund
from courses.sandbox.server import Mood
from tests.courses.test_saved_accounts import begin, tokens
from tests.factories import make_course, make_order, make_paid_order, make_payment, make_payment_account, sign_in

pytestmark = pytest.mark.django_db


def titles(member) -> list[str]:
    return [consequence.title for consequence in closing.consequences(member)]


def test_the_closing_page_is_told_what_is_open_and_what_could_be_refunded(alice, bob, now):
    assert titles(alice) == []
    make_paid_order(member=alice)
    make_order(member=alice)
    make_payment_account(member=alice)
    make_paid_order(member=bob)
    assert titles(alice) == ["可退款 ¥199", "1 个订单还没有付款", "1 门已购买的课程", "1 个已保存的支付账号"]


def test_release_closes_orders_and_ends_agreements_at_the_channel(
    client, alice, documents, cashier, buyer, order, clock
):
    cashier.mood = Mood.SILENT
    buyer.sign(begin(sign_in(client, alice), documents))
    assert tokens(cashier)
    closing.release(alice)
    assert not tokens(cashier)
    assert not PaymentAccount.objects.exists()
    assert Order.objects.get().status == "closed"
    closing.release(alice)


def test_release_says_not_yet_while_the_channel_is_down(alice, cashier):
    make_payment_account(member=alice)
    cashier.mood = Mood.DOWN
    with pytest.raises(NotYet):
        closing.release(alice)
    assert PaymentAccount.objects.get().state == "forgetting", "it cannot be charged any more"


def test_erasing_keeps_the_books_without_a_name(alice, bob, course, notice, tell, now):
    order = make_order(member=alice, course=course)
    account = make_payment_account(member=alice)
    payment = make_payment(order, way="debit", account=account)
    tell(notice(payment))
    services.give_back(order_id=order.pk, now=now)
    make_paid_order(member=bob, course=course)
    inventory.erase(member_ids=[alice.pk])
    order.refresh_from_db()
    payment.refresh_from_db()
    assert order.member is None
    assert order.retention_ref
    assert order.total_fen == 19900
    assert payment.account is None
    assert Refund.objects.filter(payment=payment).exists()
    assert PaymentEvent.objects.filter(payment=payment).exists()
    assert not PaymentAccount.objects.exists()
    assert list(Enrollment.objects.values_list("member", flat=True)) == [bob.pk]


def test_each_kept_order_gets_a_reference_of_its_own(alice):
    for _ in range(3):
        make_paid_order(member=alice, course=make_course())
    inventory.erase(member_ids=[alice.pk])
    assert len(set(Order.objects.values_list("retention_ref", flat=True))) == 3


def test_a_payment_that_arrives_after_everything_was_erased_goes_back(alice, order, notice, tell, cashier, clock):
    payment = make_payment(order)
    closing.release(alice)
    inventory.erase(member_ids=[alice.pk])
    alice.delete()
    tell(notice(payment))
    assert Refund.objects.get().reason == "late"
    assert not Enrollment.objects.exists()
    assert Payment.objects.get().state == "succeeded"
