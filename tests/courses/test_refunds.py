"""Giving a course back, and money that finds its way home."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Message
from courses import services
from courses.models import Enrollment, Order, Payment, PaymentEvent, Refund
from courses.sandbox.server import Mood
from tests.courses.test_paying import start
from tests.factories import make_order, make_paid_order, make_payment, sign_in
from tests.terms import expire

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(client, alice, documents, cashier):
    return sign_in(client, alice)


@pytest.fixture
def paid(order, cashier, buyer, clock):
    """An order that was paid at the cashier."""
    cashier.mood = Mood.SILENT
    buyer.pay(start(order))
    services.look_for_payment(order_id=order.pk, now=timezone.now())
    clock()
    order.refresh_from_db()
    assert order.is_paid
    return order


def test_a_course_given_back_ends_at_once_and_its_price_goes_back(shop, paid, alice, cashier, clock):
    page = f"/orders/{paid.number}/refund/"
    assert "¥199，退回原来的付款渠道" in shop.get(page).content.decode()
    shop.post(page)
    assert not Enrollment.objects.live().for_member(alice).exists()
    clock()
    assert Refund.objects.get().state == "succeeded"
    assert [row["amount"] for row in cashier.book.all("refunds")] == ["199.00"]
    assert "已退款" in shop.get(f"/orders/{paid.number}/").content.decode()
    assert "已经退回原来的付款渠道" in Message.objects.get(member=alice).body


def test_a_second_click_gives_nothing_back_twice(shop, paid, cashier, clock):
    for _ in range(2):
        shop.post(f"/orders/{paid.number}/refund/")
    clock()
    clock()
    assert len(cashier.book.all("refunds")) == 1


def test_the_refundable_amount_is_shown_live_and_ends_after_seven_days(shop, alice, course, now):
    order = make_paid_order(member=alice, course=course, now=now - timedelta(days=6, hours=23))
    assert "¥199" in shop.get("/me/orders/").content.decode().split("现在可退")[-1]
    Order.objects.update(paid_at=now - timedelta(days=7, seconds=1))
    page = shop.get(order.get_absolute_url()).content.decode()
    assert "<dt>现在可退</dt><dd>¥0</dd>" in page
    assert shop.post(f"/orders/{order.number}/refund/")["Location"] == order.get_absolute_url()
    assert not Refund.objects.exists()
    assert Enrollment.objects.live().exists()


def test_an_unpaid_order_gives_nothing_back(shop, order):
    shop.post(f"/orders/{order.number}/refund/")
    assert not Refund.objects.exists()


def test_a_course_given_back_can_be_bought_again(shop, paid, alice, course):
    shop.post(f"/orders/{paid.number}/refund/")
    again = make_order(member=alice, course=course)
    assert again.pk != paid.pk
    assert again.is_pending


def test_the_refund_of_a_double_payment_leaves_the_order_paid(alice, order, notice, tell, cashier, clock):
    first, second = make_payment(order), make_payment(order)
    tell(notice(first))
    tell(notice(second))
    assert Refund.objects.get().payment == second
    order.refresh_from_db()
    assert order.is_paid
    assert Enrollment.objects.live().for_member(alice).exists()
    services.give_back(order_id=order.pk, now=timezone.now())
    assert sorted(Refund.objects.values_list("reason", flat=True)) == ["asked", "double"]


def test_a_refund_whose_answer_was_lost_is_sent_again_under_the_same_number(paid, cashier, clock, now):
    services.give_back(order_id=paid.pk, now=now)
    cashier.mood = Mood.MUTE
    clock()
    assert Refund.objects.get().state == "requested"
    cashier.mood = Mood.SILENT
    cache.clear()  # the channel has rested
    Refund.objects.update(next_attempt_at=now)
    clock()
    assert Refund.objects.get().state == "succeeded"
    assert len(cashier.book.all("refunds")) == 1


def test_a_refund_that_the_channel_refuses_again_and_again_waits_for_the_staff(order, notice, tell, clock, now, bob):
    tell(notice(make_payment(order)))  # the cashier never saw this trade
    services.give_back(order_id=order.pk, now=now)
    for _ in range(6):
        Refund.objects.update(next_attempt_at=now)
        clock()
    refund = Refund.objects.get()
    assert (refund.state, refund.error) == ("failed", "ACQ.TRADE_NOT_EXIST")
    assert services.retry_refunds(refund_ids=[refund.pk], by=bob, now=now) == 1
    assert Refund.objects.get().state == "requested"
    assert services.retry_refunds(refund_ids=[refund.pk], by=bob, now=now) == 0


def test_the_database_refuses_a_second_refund_of_a_payment(paid, now):
    services.give_back(order_id=paid.pk, now=now)
    refund = Refund.objects.get()
    refund.pk, refund.out_refund_no = None, "another"
    with pytest.raises(IntegrityError), transaction.atomic():
        refund.save(force_insert=True)


def test_old_orders_without_a_name_are_deleted_and_no_others(alice, bob, course, now, notice, tell):
    old = now - timedelta(days=4 * 366)
    kept_for_alice = make_paid_order(member=alice, course=course, now=old)
    nameless = make_order(member=bob, course=course)
    tell(notice(make_payment(nameless)))
    Order.objects.filter(pk=nameless.pk).update(
        member=None, retention_ref="00000000-0000-4000-8000-000000000000", completed_at=old
    )
    expire(now=now)
    assert list(Order.objects.all()) == [kept_for_alice]
    assert Payment.objects.get().order == kept_for_alice


@pytest.mark.parametrize(("years", "stays"), [(2, True), (4, False)])
def test_a_notice_that_belongs_to_no_payment_has_its_term_too(db, now, years, stays):
    received_at = now - timedelta(days=years * 366)
    fields = {"channel": "alipay", "event_id": "1", "kind": "trade", "facts": {}, "outcome": "unknown"}
    PaymentEvent.objects.create(**fields, received_at=received_at)
    expire(now=now)
    assert PaymentEvent.objects.exists() is stays


def test_a_payment_stays_as_long_as_its_order(alice, course, notice, tell, now):
    order = make_order(member=alice, course=course)
    tell(notice(make_payment(order)))
    Payment.objects.update(created_at=now - timedelta(days=4 * 366))
    Order.objects.update(member=None, retention_ref="00000000-0000-4000-8000-000000000000")
    expire(now=now)
    assert Payment.objects.get().order.retention_ref
    assert PaymentEvent.objects.get().payment
