"""Saving a payment account, paying with it, and forgetting it."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from consent.models import Acceptance
from courses import services
from courses.models import Enrollment, Order, Payment, PaymentAccount, PaymentEvent
from courses.sandbox.server import Mood
from tests.courses.test_paying import choose, wait_until
from tests.factories import make_order, make_payment_account, sign_in

pytestmark = pytest.mark.django_db
ACCOUNTS = "/me/payment-accounts/"


@pytest.fixture
def shop(client, alice, documents, cashier):
    return sign_in(client, alice)


def consent(documents) -> dict[str, str]:
    return {"accept_payment_account": "on", "seen_payment_account": documents["payment_account"].digest}


def begin(shop, documents) -> str:
    return shop.post(ACCOUNTS, consent(documents))["Location"]


def tokens(cashier) -> list[str]:
    return [row["agreement_no"] for row in cashier.book.all("agreements", status="NORMAL")]


@pytest.fixture
def saved(shop, documents, cashier, buyer, clock, now) -> PaymentAccount:
    """An account that alice signed at the cashier; the clock heard of it."""
    cashier.mood = Mood.SILENT
    back = buyer.sign(begin(shop, documents))
    shop.get(httpx.URL(back).path)
    clock()
    return PaymentAccount.objects.live().get()


@pytest.mark.django_db(transaction=True)
def test_an_account_is_saved_and_charged_without_leaving_the_portal(
    client, alice, course, documents, portal, cashier, buyer, clock
):
    sign_in(client, alice)
    buyer.sign(choose(client, "/courses/ctg/buy/", **consent(documents))["Location"])
    wait_until(lambda: PaymentAccount.objects.live().exists())
    account = PaymentAccount.objects.get()
    order = Order.objects.get()
    page = client.get(order.get_absolute_url()).content.decode()
    assert "支付宝 138****0000（已保存" in page
    answer = client.post(f"/orders/{order.number}/pay/", {"way": f"account-{account.pk}"}, follow=True)
    assert "正在从保存的支付账号扣款" in answer.content.decode()
    clock()
    assert Enrollment.objects.live().for_member(alice).filter(course=course).exists()
    assert "付款成功" in client.get(order.get_absolute_url()).content.decode()


def test_saving_needs_its_own_consent(shop, documents):
    unticked = {"seen_payment_account": documents["payment_account"].digest}
    assert "需要同意" in shop.post(ACCOUNTS, unticked).content.decode()
    stale = {**consent(documents), "seen_payment_account": "0" * 64}
    assert "请阅读新版后重新勾选" in shop.post(ACCOUNTS, stale).content.decode()
    assert not PaymentAccount.objects.exists()
    begin(shop, documents)
    assert Acceptance.objects.get(document__kind="payment_account").action == "given"


def test_buying_without_the_box_saves_nothing(shop, course, alice, documents):
    choose(shop, "/courses/ctg/buy/")
    assert not PaymentAccount.objects.exists()
    assert not Acceptance.objects.filter(document__kind="payment_account").exists()


def test_a_signature_of_which_nothing_was_told_is_found_by_the_clock(saved, cashier):
    assert [saved.token] == tokens(cashier)
    assert saved.label == "支付宝 138****0000"


def test_a_signing_that_was_given_up_leaves_nothing(shop, documents, cashier, buyer, clock, now):
    buyer.press(buyer.arrive(begin(shop, documents)), "leave")
    account = PaymentAccount.objects.get()
    assert "等待签约结果" in shop.get(f"{ACCOUNTS}{account.pk}/signed/").content.decode()
    clock()
    assert PaymentAccount.objects.exists()
    PaymentAccount.objects.update(requested_at=now - 3 * PaymentAccount.SIGNING_TIME, next_attempt_at=now)
    clock()
    assert not PaymentAccount.objects.exists()


def test_forgetting_stops_at_once_unsigns_at_the_channel_and_deletes_the_token(shop, saved, alice, cashier, clock):
    shop.post(f"{ACCOUNTS}{saved.pk}/forget/")
    assert not PaymentAccount.objects.live().exists()
    assert "已停用" in shop.get(ACCOUNTS).content.decode()
    assert tokens(cashier)
    clock()
    assert not tokens(cashier)
    assert not PaymentAccount.objects.exists()
    last_word = Acceptance.objects.for_member(alice).standing(["payment_account"]).get()
    assert last_word.action == "withdrawn"


def test_forgetting_waits_for_a_channel_that_is_down(shop, saved, cashier, clock, now):
    shop.post(f"{ACCOUNTS}{saved.pk}/forget/")
    cashier.mood = Mood.DOWN
    clock()
    assert PaymentAccount.objects.get().state == "forgetting"
    cashier.mood = Mood.SILENT
    PaymentAccount.objects.update(next_attempt_at=now)
    cache.clear()  # the channel has rested
    clock()
    assert not tokens(cashier)
    assert not PaymentAccount.objects.exists()


def test_an_agreement_that_is_gone_already_is_forgotten_all_the_same(shop, saved, cashier, clock):
    cashier.book.change("agreements", {"request_no": saved.request_no}, status="UNSIGN")
    shop.post(f"{ACCOUNTS}{saved.pk}/forget/")
    clock()
    assert not PaymentAccount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_unsigning_in_the_wallet_deletes_the_account_here(client, alice, documents, portal, cashier, buyer):
    sign_in(client, alice)
    buyer.sign(begin(client, documents))
    wait_until(lambda: PaymentAccount.objects.live().exists())
    ticket = cashier.book.one("agreements")["ticket"]
    buyer.http.post(f"{cashier.url}/wallet/{ticket}/unsign/")
    wait_until(lambda: not PaymentAccount.objects.exists())
    assert "没有保存支付账号" in client.get(ACCOUNTS).content.decode()


def test_a_charge_that_the_channel_refuses_can_be_paid_in_another_way(shop, order, saved, cashier, clock):
    cashier.book.change("agreements", {"request_no": saved.request_no}, status="UNSIGN")
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    clock()
    payment = Payment.objects.get()
    assert (payment.state, payment.error) == ("failed", "ACQ.AGREEMENT_INVALID")
    page = shop.get(f"/orders/{order.number}/").content.decode()
    assert "没有扣钱" in page
    assert "alipay" in page
    assert not PaymentAccount.objects.exists(), "an account without an agreement is none"


def test_a_charge_whose_answer_was_lost_is_asked_about_and_never_made_twice(shop, order, saved, cashier, clock, now):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    cashier.mood = Mood.MUTE
    services.submit_due_debits(now=timezone.now())
    assert Payment.objects.get().state == "pending"
    cashier.mood = Mood.SILENT
    cache.clear()  # the channel has rested
    Payment.objects.update(next_attempt_at=now)
    clock()
    assert Order.objects.get().is_paid
    assert len(cashier.book.all("trades")) == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_sweep_at_the_same_moment_charge_once(shop, order, saved, cashier):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})

    def sweep(_):
        try:
            services.submit_due_debits(now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sweep, range(4)))
    assert len(cashier.book.all("trades")) == 1
    assert Payment.objects.get().attempts == 1
    assert Order.objects.get().is_paid


def test_a_charge_that_never_arrived_is_made_once_the_channel_is_back(shop, order, saved, cashier, clock, now):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    cashier.mood = Mood.DOWN
    services.submit_due_debits(now=timezone.now())
    cashier.mood = Mood.SILENT
    cache.clear()  # the channel has rested
    Payment.objects.update(next_attempt_at=now)
    clock()
    assert (Payment.objects.get().attempts, Order.objects.get().is_paid) == (2, True)
    assert len(cashier.book.all("trades")) == 1


def test_a_charge_that_never_arrived_is_not_made_when_nobody_waits_for_it(shop, order, saved, cashier, clock, now):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    cashier.mood = Mood.DOWN
    services.submit_due_debits(now=timezone.now())
    cashier.mood = Mood.SILENT
    cache.clear()  # the channel has rested
    shop.post(f"/orders/{order.number}/cancel/")
    clock()
    assert Payment.objects.get().state == "closed"
    assert cashier.book.all("trades") == []


def test_nobody_pays_elsewhere_while_an_account_is_charged(shop, order, saved):
    pay = f"/orders/{order.number}/pay/"
    shop.post(pay, {"way": f"account-{saved.pk}"})
    answer = shop.post(pay, {"way": "alipay"}, follow=True)
    assert "请等结果出来" in answer.content.decode()
    assert Payment.objects.count() == 1


def test_a_forgotten_account_is_not_charged_any_more(shop, order, saved, clock):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    shop.post(f"{ACCOUNTS}{saved.pk}/forget/")
    clock()
    assert Payment.objects.get().state == "closed"
    assert Order.objects.get().is_pending


def test_the_account_of_somebody_who_is_leaving_is_not_charged(shop, order, alice, saved, clock, now):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    alice.closing_at = now
    alice.save()
    clock()
    assert Payment.objects.get().state == "closed"


def test_accounts_of_others_can_be_neither_seen_nor_used_nor_forgotten(client, bob, alice, documents, cashier, course):
    account = make_payment_account(member=alice)
    theirs = make_order(member=bob, course=course)
    sign_in(client, bob)
    assert "138****0000" not in client.get(ACCOUNTS).content.decode()
    assert "138****0000" not in client.get("/courses/ctg/buy/").content.decode()
    assert client.post(f"{ACCOUNTS}{account.pk}/forget/").status_code == 404
    assert client.get(f"{ACCOUNTS}{account.pk}/state/").status_code == 404
    client.post(f"/orders/{theirs.number}/pay/", {"way": f"account-{account.pk}"})
    assert not Payment.objects.exists()
    assert PaymentAccount.objects.live().exists()


def test_a_token_is_in_no_page_no_log_and_no_notice(shop, order, saved, clock, caplog, capfd):
    shop.post(f"/orders/{order.number}/pay/", {"way": f"account-{saved.pk}"})
    clock()
    pages = [shop.get(path).content.decode() for path in (ACCOUNTS, f"/orders/{order.number}/", "/me/orders/")]
    said = "".join([*pages, caplog.text, *capfd.readouterr(), str(list(PaymentEvent.objects.values()))])
    assert saved.token not in said
    assert "138****0000" in pages[0]


def test_a_token_is_stored_sealed(saved):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM courses_paymentaccount a")
        stored = cursor.fetchone()[0]
    assert saved.token not in stored
    assert not re.search(r"138\*", stored)
