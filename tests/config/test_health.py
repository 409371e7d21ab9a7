"""The readiness page says which part is down, and waits for none."""

import socket
import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.models import RetentionRun
from accounts.services import deliver_due_messages, keep_terms, send_message
from config import health
from config.cache import ForgivingRedisCache
from config.tasks import heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_process_is_up_without_asking_anybody(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert answer.json() == {"status": "ok"}
    assert not answer.cookies


def test_everything_works_when_clock_and_worker_have_a_pulse(client):
    heartbeat()
    answer = client.get("/readyz")
    assert answer.json() == {
        "status": "ok",
        "parts": {"database": "ok", "ledger": "ok", "redis": "ok", "jobs": "ok", "messages": "ok", "retention": "ok"},
    }
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("age", [None, 61])
def test_no_pulse_for_a_minute_is_down(client, age):
    if age:
        cache.set("config:pulse", timezone.now().timestamp() - age)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    said = answer.json()["parts"]
    assert said == {
        "database": "ok",
        "ledger": "ok",
        "redis": "ok",
        "jobs": "no pulse of clock and worker",
        "messages": "ok",
        "retention": "ok",
    }


def test_a_message_that_nobody_takes_up_is_told(client, now):
    send_message(channel="mail", to="alice@example.com", body="您好", now=now - timedelta(minutes=2))
    assert client.get("/readyz").json()["parts"]["messages"] == "nobody sends messages"
    deliver_due_messages(channel="mail", now=now)
    assert client.get("/readyz").json()["parts"]["messages"] == "ok"


def test_deletions_that_nobody_did_are_told_and_turn_no_member_away(client, now):
    heartbeat()
    RetentionRun.objects.create(started_at=now - timedelta(hours=30), ended_at=now - timedelta(hours=30))
    RetentionRun.objects.create(started_at=now - timedelta(hours=6))
    answer = client.get("/readyz")
    assert answer.json()["parts"]["retention"] == "nothing outlived was deleted for 30 hours"
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    keep_terms(now=now)
    assert client.get("/readyz").json()["parts"]["retention"] == "ok"


def test_a_hung_redis_is_named_within_two_seconds(client, monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"redis://127.0.0.1:{listener.getsockname()[1]}/1"
        monkeypatch.setattr(health, "cache", ForgivingRedisCache(address, {"OPTIONS": {"socket_timeout": 0.5}}))
        begun = time.monotonic()
        answer = client.get("/readyz")
    assert time.monotonic() - begun < 2
    assert answer.status_code == 503
    assert answer.json()["parts"]["redis"] == "TimeoutError"


def test_a_migration_that_is_not_applied_is_down(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'consent' RETURNING name, applied")
        rows = cursor.fetchall()
        try:
            assert client.get("/readyz").json()["parts"]["database"] == "migrations are not applied"
        finally:
            cursor.executemany("INSERT INTO django_migrations (app, name, applied) VALUES ('consent', %s, %s)", rows)
