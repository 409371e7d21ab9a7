"""What a channel tells the portal, and what somebody else pretends it told."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from courses.models import Enrollment, Order, Payment, PaymentEvent, Refund
from courses.services import settling
from tests.factories import make_order, make_payment

ADDRESS = "/payments/notify/alipay/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(order):
    return make_payment(order)


def fail(*_, **__):
    raise RuntimeError("the database went away")


def in_parallel(posts: list[dict[str, str]]) -> list[str]:
    def send(fields: dict[str, str]) -> str:
        try:
            return Client().post(ADDRESS, fields).content.decode()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(posts)) as pool:
        return list(pool.map(send, posts))


def test_a_notice_of_payment_enrols_and_is_answered_with_success(payment, notice, tell, alice, course):
    answer = tell(notice(payment))
    assert answer.content == b"success"
    assert Enrollment.objects.live().for_member(alice).filter(course=course).exists()
    order = Order.objects.get()
    assert order.status == "paid"
    assert order.paid_at
    assert PaymentEvent.objects.get().outcome == "applied"


@pytest.mark.django_db(transaction=True)
def test_eight_identical_notices_at_once_enrol_once(payment, notice, alice):
    assert in_parallel([notice(payment)] * 8) == ["success"] * 8
    assert Enrollment.objects.for_member(alice).count() == 1
    assert PaymentEvent.objects.count() == 1
    assert not Refund.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_different_notices_of_one_payment_at_once_enrol_once(payment, notice, alice):
    posts = [notice(payment, notify_id=f"event-{number}") for number in range(8)]
    assert in_parallel(posts) == ["success"] * 8
    assert Enrollment.objects.for_member(alice).count() == 1
    assert sorted(PaymentEvent.objects.values_list("outcome", flat=True)) == ["applied", *["duplicate"] * 7]
    assert not Refund.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_attempts_paid_at_once_give_one_enrolment_and_one_refund(order, payment, notice, alice):
    other = make_payment(order)
    in_parallel([notice(payment), notice(other)])
    assert Enrollment.objects.for_member(alice).count() == 1
    assert Refund.objects.get().reason == "double"
    assert Payment.objects.succeeded().count() == 2


def test_a_forged_notice_enrols_nobody_and_is_not_kept(payment, notice, tell):
    for forged in (
        {**notice(payment), "total_amount": "0.01"},
        {**notice(payment), "sign": "AAAA"},
        {**notice(payment), "sign": "no base64!"},
        {**notice(payment), "sign_type": "RSA"},
        {name: value for name, value in notice(payment).items() if name != "sign"},
        {**notice(payment), "added": "later"},
        {},
    ):
        answer = tell(forged)
        assert (answer.status_code, answer.content) == (400, b"fail")
    assert not PaymentEvent.objects.exists()
    assert not Enrollment.objects.exists()


def test_extra_signed_fields_still_verify(payment, notice, tell):
    tell(notice(payment, brand_new_field="甲=乙&丙"))
    assert Order.objects.get().is_paid


@pytest.mark.parametrize("changed", [{"total_amount": "199.01"}, {"seller_id": "2088999"}, {"app_id": "2021999"}])
def test_a_notice_that_does_not_match_is_kept_for_the_staff_and_enrols_nobody(payment, notice, tell, changed):
    assert tell(notice(payment, **changed)).content == b"success"
    payment.refresh_from_db()
    assert payment.state == "suspect"
    assert PaymentEvent.objects.get().outcome == "mismatch"
    assert Order.objects.get().is_pending
    assert not Enrollment.objects.exists()


def test_the_right_notice_still_counts_after_a_wrong_one(payment, notice, tell):
    tell(notice(payment, seller_id="2088999"))
    tell(notice(payment))
    assert Order.objects.get().is_paid


def test_a_wrong_notice_takes_nothing_back(payment, notice, tell):
    tell(notice(payment))
    tell(notice(payment, total_amount="0.01"))
    assert Order.objects.get().is_paid
    assert Payment.objects.get().state == "succeeded"


def test_a_trade_number_pays_for_one_attempt_only(payment, notice, tell, bob):
    tell(notice(payment))
    others = make_payment(make_order(member=bob))
    tell(notice(others, trade_no=notice(payment)["trade_no"]))
    others.refresh_from_db()
    assert others.state == "suspect"
    assert not Enrollment.objects.for_member(bob).exists()


def test_a_payment_that_comes_after_the_order_was_closed_goes_back(order, payment, notice, tell, now):
    Order.objects.update(status="closed", completed_at=now)
    tell(notice(payment))
    assert Refund.objects.get().reason == "late"
    assert not Enrollment.objects.exists()
    assert PaymentEvent.objects.get().outcome == "auto_refund"


def test_a_notice_about_a_refund_takes_nothing_back(payment, notice, tell):
    tell(notice(payment))
    tell(notice(payment, trade_status="TRADE_CLOSED", refund_fee="199.00", gmt_refund="2026-11-24 10:00:00"))
    assert Order.objects.get().is_paid
    assert Enrollment.objects.live().exists()


def test_a_trade_closed_unpaid_ends_the_attempt(payment, notice, tell):
    tell(notice(payment, trade_status="TRADE_CLOSED", gmt_payment=""))
    payment.refresh_from_db()
    assert payment.state == "closed"


def test_a_trade_that_is_not_ours_is_written_down_and_nothing_more(payment, notice, tell):
    assert tell(notice(payment, out_trade_no="20261124999999999999P1")).content == b"success"
    assert PaymentEvent.objects.get().outcome == "unknown"


def test_the_inbox_holds_nothing_about_the_buyer(payment, notice, tell):
    posted = notice(payment)
    tell(posted)
    kept = json.dumps(list(PaymentEvent.objects.values()), default=str)
    assert posted["buyer_id"] not in kept
    assert posted["buyer_logon_id"] not in kept
    assert posted["sign"] not in kept


def test_the_inbox_is_append_only(payment, notice, tell):
    tell(notice(payment))
    event = PaymentEvent.objects.get()
    for change in (event.delete, lambda: PaymentEvent.objects.update(outcome="ignored")):
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            change()
    assert PaymentEvent.objects.get().outcome == "applied"


def test_only_small_posts_to_the_exact_address_are_read(client, payment, notice, cashier):
    assert client.get(ADDRESS).status_code == 405
    assert client.post("/payments/notify/wechat/", notice(payment)).status_code == 404
    assert client.post(ADDRESS, {**notice(payment), "long": "x" * 70_000}).status_code == 413
    assert not PaymentEvent.objects.exists()


def test_a_notice_needs_no_session_and_leaves_none(client, payment, notice):
    answer = Client(enforce_csrf_checks=True).post(ADDRESS, notice(payment))
    assert answer.content == b"success"
    assert not answer.cookies


def test_a_notice_that_could_not_be_applied_is_applied_by_the_clock(payment, notice, tell, clock, monkeypatch, now):
    with monkeypatch.context() as broken:
        broken.setattr(settling, "settle", fail)
        assert tell(notice(payment)).content == b"success"
    assert PaymentEvent.objects.get().outcome == "received"
    clock(now + timedelta(minutes=1))
    assert PaymentEvent.objects.get().outcome == "applied"
    assert Order.objects.get().is_paid


def test_a_notice_that_can_never_be_applied_starves_no_other(order, bob, notice, tell, clock, monkeypatch, now, caplog):
    poisoned, sound = make_payment(order), make_payment(make_order(member=bob))
    with monkeypatch.context() as broken:
        broken.setattr(settling, "_apply", fail)
        tell(notice(poisoned))
        tell(notice(sound))
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''%'', OLD; END'")
        cursor.execute(
            "CREATE TRIGGER poison BEFORE UPDATE ON courses_payment FOR EACH ROW"
            f" WHEN (OLD.id = {poisoned.pk}) EXECUTE FUNCTION poison()"
        )
    caplog.clear()
    settling.apply_stranded_notices(now=now + timedelta(minutes=1))
    assert Enrollment.objects.live().for_member(bob).exists()
    stranded = PaymentEvent.objects.get(payment=poisoned)
    assert (stranded.outcome, stranded.attempts) == ("received", 1)
    assert stranded.next_attempt_at > now + timedelta(minutes=1)
    assert "notice.stranded" in caplog.text
    assert poisoned.out_trade_no not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER poison ON courses_payment")
    clock(now + timedelta(minutes=10))
    assert Order.objects.get(pk=order.pk).is_paid
