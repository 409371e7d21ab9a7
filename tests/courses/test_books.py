"""What staff see of money, what they may do, and what they never see."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from courses.models import Payment, Refund
from tests.factories import make_order, make_paid_order, make_payment, make_payment_account, make_staff, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def accountant(db):
    return make_staff(role="财务")


@pytest.fixture
def finance(client, accountant):
    return sign_in(client, accountant)


def test_a_doubtful_payment_waits_on_the_front_page_until_it_is_resolved(finance, accountant, order, notice, tell, now):
    payment = make_payment(order)
    tell(notice(payment, total_amount="0.01"))
    assert "笔付款可疑" in finance.get("/admin/").content.decode()
    queue = "/admin/courses/payment/"
    page = finance.get(f"{queue}?state__exact=suspect").content.decode()
    assert "badge--danger" in page
    assert payment.out_trade_no in page
    finance.post(queue, {"action": "resolve", "_selected_action": [payment.pk]})
    resolved = Payment.objects.get()
    assert (resolved.state, resolved.decided_by) == ("closed", accountant)
    assert resolved.decided_at >= now
    assert "笔付款可疑" not in finance.get("/admin/").content.decode()


def test_a_refused_refund_can_be_sent_again(finance, order, now):
    payment = make_payment(order, state="succeeded", paid_at=now, channel_trade_no="T1", next_attempt_at=None)
    refund = Refund.objects.create(
        payment=payment, out_refund_no="R1", amount_fen=19900, reason="late", state="failed", requested_at=now
    )
    assert "笔退款被渠道拒绝" in finance.get("/admin/").content.decode()
    finance.post("/admin/courses/refund/", {"action": "retry", "_selected_action": [refund.pk]})
    assert Refund.objects.get().state == "requested"


def test_the_books_are_read_and_not_written(finance, alice):
    order = make_paid_order(member=alice)
    for path in (
        "/admin/courses/order/",
        f"/admin/courses/order/{order.pk}/change/",
        "/admin/courses/payment/",
        f"/admin/courses/payment/{order.payments.get().pk}/change/",
        "/admin/courses/refund/",
        "/admin/courses/paymentevent/",
        "/admin/courses/enrollment/",
    ):
        assert finance.get(path).status_code == 200, path
    assert finance.post(f"/admin/courses/order/{order.pk}/change/", {"total_fen": 1}).status_code == 403
    assert finance.get("/admin/courses/order/add/").status_code == 403
    assert finance.post(f"/admin/courses/order/{order.pk}/delete/").status_code == 403


def test_nobody_reads_a_token_or_a_buyers_name_in_the_admin(admin_client, alice):
    account = make_payment_account(member=alice, token="SECRET20265215715271617440")
    make_payment(make_order(member=alice), way="debit", account=account)
    listed = admin_client.get("/admin/courses/paymentaccount/").content.decode()
    shown = admin_client.get(f"/admin/courses/paymentaccount/{account.pk}/change/").content.decode()
    payment = admin_client.get(f"/admin/courses/payment/{Payment.objects.get().pk}/change/").content.decode()
    orders = admin_client.get("/admin/courses/order/").content.decode()
    for page in (listed, shown, payment, orders):
        assert "SECRET" not in page
        assert "138****0000" not in page
        assert "alice@example.com" not in page
    assert "已保存" in listed


def test_who_has_no_business_with_money_sees_none(client, alice):
    make_paid_order(member=alice)
    sign_in(client, make_staff(role="编辑"))
    assert client.get("/admin/courses/order/").status_code == 403


def test_a_deploy_check_refuses_a_cashier_on_this_machine(settings):
    def complaints(**changes) -> list[str]:
        with override_settings(ALIPAY={**settings.ALIPAY, **changes}, SITE_URL="https://www.example.com"):
            return [found.id for found in run_checks(include_deployment_checks=True) if found.id.startswith("courses.")]

    real = {"app_id": "1", "seller_id": "2", "private_key": "3", "public_key": "4"}
    assert complaints(**real, gateway="https://openapi.alipay.com/gateway.do") == []
    assert complaints(**real, gateway="http://127.0.0.1:9/gateway.do") == ["courses.E001"]
    assert complaints(**{**real, "seller_id": ""}, gateway="https://openapi.alipay.com/gateway.do") == ["courses.E003"]
