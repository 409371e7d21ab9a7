"""A code is on its way within three seconds, whatever else the workers are at."""

import pytest
import redis
from django.core.cache import cache
from django.utils import timezone

from accounts import services
from accounts.models import Message
from config.tasks import PULSE
from tests.accounts.test_purge_processes import locked, waiting_for_a_lock
from tests.workers import Workers, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SWEEPS = ("submit_due_debits", "query_silent_payments", "submit_due_refunds", "expire_due_orders")


@pytest.fixture
def workers():
    started = Workers()
    started.start(queues="celery", threads=4)
    yield started
    started.stop()
    with redis.Redis.from_url(started.broker) as client:
        client.flushdb()


def ask_to_send_a_code(workers: Workers) -> int:
    code = services.send_message(channel="sms", to="+8613800138000", body="123456", now=timezone.now())
    workers.ask("accounts.tasks.deliver_due_sms")
    return code.pk


def is_sent(number: int) -> bool:
    return Message.objects.get(pk=number).sent_at is not None


def test_a_code_leaves_within_three_seconds_while_every_worker_hangs(workers):
    workers.start(queues="messages", threads=2)
    first = ask_to_send_a_code(workers)
    wait_until(lambda: is_sent(first))
    with locked("courses_payment", "ACCESS EXCLUSIVE"):
        for sweep in SWEEPS:
            workers.ask(f"courses.tasks.{sweep}")
        wait_until(waiting_for_a_lock)
        second = ask_to_send_a_code(workers)
        wait_until(lambda: is_sent(second), seconds=3)


def test_a_sweep_that_hangs_is_not_begun_again_and_leaves_room_for_others(workers):
    with locked("courses_payment", "ACCESS EXCLUSIVE"):
        for _ in range(8):
            workers.ask("courses.tasks.query_silent_payments")
        wait_until(waiting_for_a_lock)
        workers.ask("config.tasks.heartbeat")
        wait_until(lambda: cache.get(PULSE))
        assert len(waiting_for_a_lock()) == 1
