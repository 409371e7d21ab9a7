"""What a member's leaving does to what they bought and saved."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.closing import NotYet
from accounts.models import User
from accounts.services import close_account, purge_due
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


def test_one_click_gives_back_whatever_can_be_given_back_and_nothing_of_anybody_elses(client, alice, bob, tell, notice):
    paid = [make_order(member=owner, course=make_course()) for owner in (alice, alice, bob)]
    for order in paid:
        tell(notice(make_payment(order)))
    Order.objects.filter(pk=paid[1].pk).update(paid_at=timezone.now() - Order.REFUND_TIME)
    page = sign_in(client, alice).get("/me/close/").content.decode()
    assert 'action="/me/orders/refund/"' in page
    for said in ("已退课，199 元将退回原来的付款渠道", "没有可以退的课程了"):  # the second click is harmless
        answer = client.post("/me/orders/refund/", follow=True)
        assert answer.redirect_chain == [("/me/close/", 302)]
        assert said in answer.content.decode()
    assert [refund.payment.order for refund in Refund.objects.all()] == [paid[0]]
    assert 'action="/me/orders/refund/"' not in client.get("/me/close/").content.decode()


def test_what_cannot_be_given_back_after_all_keeps_nothing_else(alice, tell, notice, now):
    stuck, fine = (make_order(member=alice, course=make_course()) for _ in range(2))
    tell(notice(make_payment(fine)))
    at = timezone.now()  # books that do not agree: nothing was ever paid
    Order.objects.filter(pk=stuck.pk).update(status="paid", paid_at=at, completed_at=at)
    assert services.give_back_all(member=alice, now=timezone.now()) == 19900
    assert [refund.payment.order for refund in Refund.objects.all()] == [fine]


def test_a_channel_that_fails_for_three_days_delays_the_leaving_and_is_asked_until_it_answers(
    client, alice, bob, documents, cashier, buyer, order, time_machine
):
    cashier.mood = Mood.SILENT
    buyer.sign(begin(sign_in(client, alice), documents))
    start = timezone.now()

    def when_it_is(moment):
        time_machine.move_to(moment, tick=False)
        cache.clear()  # Redis counts by its own clock for how long a channel rests

    for member in (alice, bob):
        close_account(member=member, now=start - timedelta(days=8))
    cashier.mood = Mood.DOWN
    for hours in range(0, 72, 2):
        when_it_is(start + timedelta(hours=hours))
        purge_due(now=timezone.now())
    (waiting,) = User.objects.all()
    closure = waiting.closures.get()
    assert (waiting, closure.state, closure.step) == (alice, "blocked", "release"), "the other one has gone meanwhile"
    assert "NotYet" in closure.error
    cashier.mood = Mood.SILENT
    when_it_is(start + timedelta(hours=74))
    purge_due(now=timezone.now())
    assert not User.objects.exists()
    assert not tokens(cashier)


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
