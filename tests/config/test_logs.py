"""Logs hold a request's number and nobody's data."""

import json
import logging
import os
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from celery.contrib.testing.worker import start_worker
from django.db import DataError, IntegrityError, connection
from structlog.contextvars import bound_contextvars, get_contextvars

from accounts.models.alert import new_token
from config import logs
from config.celery import app
from tests.factories import make_member
from tests.workers import wait_until


@pytest.mark.parametrize(
    "said",
    [
        "13812345678",
        "+8613812345678",
        "86 138 1234 5678",
        "138-1234-5678",
        "alice@example.com",
        "a.b+c@mail.example.cn",
        "203.0.113.7",
    ],
)
def test_what_looks_like_a_contact_is_hidden_wherever_it_stands(said):
    hidden = logs.redact(
        None, "", {"event": f"sent to {said}.", "path": f"/x/{said}", "list": [said], "map": {"k": said}}
    )
    assert said not in json.dumps(hidden, ensure_ascii=False)


def test_the_link_that_locks_an_account_is_hidden_in_an_address():
    for _ in range(200):
        token = new_token()
        assert token not in json.dumps(logs.redact(None, "", {"request": f"GET /n/{token}/"}))


@pytest.mark.parametrize("key", ["phone", "email", "name", "password", "code", "api_token", "body", "to"])
def test_what_is_named_like_personal_data_is_hidden_whatever_it_is(key):
    assert logs.redact(None, "", {key: "anything"}) == {key: logs.HIDDEN}


def test_an_object_is_hidden_as_its_text_would_be():
    hidden = logs.redact(None, "", {"error": ValueError("alice@example.com"), "missing": None, "count": 1})
    assert hidden == {"error": logs.HIDDEN, "missing": None, "count": 1}


def test_an_address_on_this_machine_stays_readable():
    assert logs.redact(None, "", {"event": "listens at 127.0.0.1:8000"}) == {"event": "listens at 127.0.0.1:8000"}


def test_order_numbers_and_times_stay_readable():
    event = {"event": "order.paid", "number": "20261124138123456789", "at": "2026-11-24T10:00:00", "count": 3}
    assert logs.redact(None, "", event) == event


@pytest.fixture
def formatter():
    """What turns a record into the line that is written."""
    said = logs.configure(level="INFO", style="json")["formatters"]["portal"]
    return structlog.stdlib.ProcessorFormatter(**{name: said[name] for name in ("processors", "foreign_pre_chain")})


def test_a_traceback_that_names_somebody_is_hidden_too(formatter):
    try:
        raise ValueError("no mailbox alice@example.com for 13812345678")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 1, "it failed", None, (type(error), error, error.__traceback__)
        )
    line = formatter.format(record)
    assert "ValueError" in line
    assert "alice@example.com" not in line
    assert "13812345678" not in line


def test_a_request_is_logged_with_its_number_and_without_its_query(client, caplog, formatter, db):
    with caplog.at_level(logging.INFO):
        client.get("/healthz?q=alice@example.com")
    lines = [json.loads(formatter.format(record)) for record in caplog.records]
    assert {"GET /healthz"} == {line["request"] for line in lines}
    assert len({line["request_id"] for line in lines}) == 1


def test_a_requests_number_goes_along_into_the_job_it_asks_for():
    seen, queue = [], f"test-{uuid4()}"

    @app.task(name=queue)
    def note(**_later):
        seen.append(get_contextvars().get("request_id"))

    with start_worker(app, pool="solo", queues=[queue], perform_ping_check=False, loglevel="ERROR"):
        with bound_contextvars(request_id="r-7"):
            note.apply_async(queue=queue)
        wait_until(lambda: seen)
    assert seen == ["r-7"]


@pytest.mark.django_db(transaction=True)
def test_postgresqls_own_log_quotes_no_row_and_no_statement():
    make_member(email="planted@example.com")
    with pytest.raises(IntegrityError):
        make_member(email="planted@example.com")
    with connection.cursor() as cursor, pytest.raises(DataError):
        cursor.execute("SELECT 'planted'::int")
    log = Path(os.environ["MEDIA_ROOT"]).parent / "logs" / "postgres.log"
    assert "ready to accept connections" in log.read_text()
    assert "planted" not in log.read_text()
