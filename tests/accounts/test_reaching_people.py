"""Mail and SMS: rows in the request, sent by the clock."""

import socket
import threading
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import services, sms, tasks
from accounts.models import Message
from accounts.services import messages
from accounts.sms import memory
from tests.factories import make_member, make_phone_member

PHONE = "+8613800138000"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_outbox():
    memory.outbox.clear()


@pytest.fixture
def now():
    return timezone.now()


def text(now, to=PHONE, body="您好", **more):
    return services.send_message(channel="sms", to=to, body=body, now=now, **more)


def letter(now, to="alice@example.com", **more):
    return services.send_message(channel="mail", to=to, subject="主题", body="正文", now=now, **more)


def deliver(now, channel="sms"):
    return services.deliver_due_messages(channel=channel, now=now)


class Broken:
    """A backend that fails for some numbers."""

    refused: set[str] = set()
    failing: set[str] = set()
    taken: list[str] = []

    def send(self, message):
        if message.to in self.refused:
            raise sms.SmsRefused("secret words of the provider")
        if message.to in self.failing:
            raise ConnectionError("cannot reach +8613800138000")
        self.taken.append(message.to)


@pytest.fixture
def broken(settings):
    settings.SMS_BACKEND = f"{__name__}.Broken"
    Broken.refused, Broken.failing, Broken.taken = set(), set(), []
    return Broken


def test_an_sms_leaves_and_its_row_is_emptied(now):
    row = text(now, template="code", params={"code": "123456"})
    assert deliver(now) == 1
    assert memory.outbox == [sms.Sms(to=PHONE, template="code", params={"code": "123456"}, text="您好")]
    row.refresh_from_db()
    assert row.sent_at == now
    assert (row.to, row.body, row.params) == (None, None, None)


def test_a_mail_leaves_and_its_row_is_emptied(now):
    row = letter(now)
    assert deliver(now, "mail") == 1
    assert [(m.subject, m.body, m.to) for m in mail.outbox] == [("主题", "正文", ["alice@example.com"])]
    row.refresh_from_db()
    assert (row.subject, row.body, row.to) == (None, None, None)


def test_a_message_is_not_sent_twice(now):
    text(now)
    deliver(now)
    assert deliver(now + timedelta(days=1)) == 0
    assert len(memory.outbox) == 1


def test_the_clocks_tasks_send_both_kinds(now):
    text(now)
    letter(now)
    assert tasks.deliver_due_sms() == tasks.deliver_due_mail() == 1


def test_a_code_is_not_sent_after_it_has_run_out(now):
    row = text(now, valid_for=timedelta(minutes=10))
    deliver(now + timedelta(minutes=10))
    row.refresh_from_db()
    assert memory.outbox == []
    assert (row.error, row.body, row.failed_at is not None) == ("Expired", None, True)


def test_a_channel_that_fails_is_tried_again_later_and_later(now, broken):
    broken.failing = {PHONE}
    row = text(now)
    deliver(now)
    row.refresh_from_db()
    assert (row.attempts, row.next_attempt_at - now, row.body) == (1, timedelta(seconds=5), "您好")
    assert deliver(now + timedelta(seconds=4)) == 0
    deliver(now + timedelta(seconds=5))
    row.refresh_from_db()
    assert row.next_attempt_at - now == timedelta(seconds=35)
    broken.failing = set()
    deliver(now + timedelta(seconds=36))
    row.refresh_from_db()
    assert row.sent_at is not None
    assert broken.taken == [PHONE]


def test_nobody_tries_for_ever(now, broken):
    broken.failing = {PHONE}
    row = text(now)
    for _ in range(20):
        now += timedelta(hours=3)
        deliver(now)
    row.refresh_from_db()
    assert row.failed_at is not None
    assert row.attempts == len(services.messages.BACKOFF) + 1
    assert row.body is None


def test_a_refusal_is_final(now, broken):
    broken.refused = {PHONE}
    row = text(now)
    deliver(now)
    row.refresh_from_db()
    assert (row.attempts, row.failed_at, row.to) == (1, now, None)


def test_an_error_keeps_its_name_and_not_its_words(now, broken):
    broken.failing = {PHONE}
    row = text(now)
    deliver(now)
    row.refresh_from_db()
    assert row.error == "ConnectionError"


def test_a_poisoned_row_blocks_nobody(now, broken):
    others = [f"+861390013900{n}" for n in range(9)]
    broken.failing = {PHONE}
    text(now)
    for number in others:
        text(now, to=number)
    deliver(now)
    deliver(now)
    assert sorted(broken.taken) == others


def test_what_a_dead_worker_took_up_is_taken_over_after_the_lease(now, monkeypatch):
    text(now)
    monkeypatch.setattr(services.messages, "_send_side_by_side", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        deliver(now)
    monkeypatch.undo()
    assert deliver(now + timedelta(seconds=29)) == 0
    assert deliver(now + timedelta(seconds=31)) == 1
    assert len(memory.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_wait_for_each_other_nor_send_twice(now, settings):
    settings.SMS_BACKEND = f"{__name__}.Slow"
    Slow.taken.clear()
    for n in range(8):
        text(now, to=f"+861390013900{n}")

    def work():
        deliver(now)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(Slow.taken) == len(set(Slow.taken)) == 8


class Slow:
    taken: list[str] = []

    def send(self, message):
        time.sleep(0.3)
        self.taken.append(message.to)


def test_eight_slow_messages_take_as_long_as_one(now, settings):
    settings.SMS_BACKEND = f"{__name__}.Slow"
    for n in range(8):
        text(now, to=f"+861390013900{n}")
    started = time.monotonic()
    deliver(now)
    assert time.monotonic() - started < 1.2


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_hangs_keeps_no_sms_waiting_and_lets_go_after_five_seconds(now, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()[:2]
        row = letter(now)
        text(now)

        def hang():
            deliver(now, "mail")
            connection.close()

        hanging = threading.Thread(target=hang)
        started = time.monotonic()
        hanging.start()
        time.sleep(0.2)
        assert deliver(now) == 1
        assert deliver(now + timedelta(minutes=1), "mail") == 0  # one sender a channel
        assert time.monotonic() - started < 2
        hanging.join()
        assert time.monotonic() - started < 7
    row.refresh_from_db()
    assert (row.sent_at, row.failed_at, row.attempts) == (None, None, 1)


def test_a_mail_server_that_refuses_costs_an_attempt_and_no_mail(now, settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    row = letter(now)
    deliver(now, "mail")
    row.refresh_from_db()
    assert row.error == "ConnectionRefusedError"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    deliver(now + timedelta(seconds=6), "mail")
    assert len(mail.outbox) == 1


# Who is told how


def test_a_member_with_a_proven_number_is_told_by_sms(now):
    services.notify(member=make_phone_member(phone=PHONE), subject="主题", text="内容", now=now)
    deliver(now)
    assert [(m.to, m.signed_text) for m in memory.outbox] == [(PHONE, "【妇产科网】内容")]


def test_a_member_without_one_is_told_by_mail(now):
    services.notify(member=make_member(email="dora@example.com"), subject="主题", text="内容", now=now)
    deliver(now, "mail")
    assert [(m.to, m.subject) for m in mail.outbox] == [(["dora@example.com"], "【妇产科网】主题")]


def test_a_number_that_was_only_typed_hears_nothing(now):
    member = make_phone_member(phone=PHONE)
    member.phone_verified = False
    member.save()
    assert services.notify(member=member, subject="主题", text="内容", now=now) is None


# What is kept


def test_what_waits_is_unreadable_in_the_database(now):
    text(now, body="秘密的内容 123456")
    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM accounts_message m")
        stored = str(cursor.fetchall())
    assert "13800138000" not in stored
    assert "秘密" not in stored


def test_the_database_refuses_a_sent_message_that_keeps_its_words(now):
    row = text(now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(pk=row.pk).update(sent_at=now)


def test_rows_are_gone_after_a_week_whoever_they_were_for(now):
    text(now - timedelta(days=8))
    text(now - timedelta(days=6))
    assert services.drop_outdated_messages(now=now) == 1
    assert Message.objects.count() == 1


# Codes before all else


def test_a_code_leaves_before_notices_that_wait_longer(now, monkeypatch):
    monkeypatch.setattr(messages, "LONGEST_RUN", 0)  # one batch
    for number in range(20):
        text(now - timedelta(minutes=5), body=f"通知 {number}")
    text(now, body="123456", template="code", valid_for=timedelta(minutes=10))
    deliver(now)
    assert "【妇产科网】123456" in [m.signed_text for m in memory.outbox]
    assert len(memory.outbox) == messages.BATCH


def test_one_beat_sends_all_that_is_due(now):
    for number in range(20):
        text(now, body=f"通知 {number}")
    assert deliver(now) == 20
    assert len(memory.outbox) == 20


def test_an_sms_puts_into_its_template_what_a_provider_takes(now):
    services.notify(member=make_phone_member(phone=PHONE), subject="主" * 50, text="内容" * 50, now=now)
    assert deliver(now) == 1
    (sent,) = memory.outbox
    assert sent.params == {"subject": "主" * 35}, "a variable of Aliyun's holds no more, and no address"
