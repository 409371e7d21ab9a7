"""What `manage.py check --deploy` says about settings that do not go together."""

import pytest
from django.core.checks import run_checks

KEY = b"k" * 32
SAFE = {
    "LOOKUP_KEY": b"l" * 32,
    "FIELD_KEYS": {"k1": KEY},
    "RECEIPT_KEYS": {"k1": b"r" * 32},
    "REDIS_URL": "redis://redis.example.com/0",
    "MEDIA_ROOT": "/srv/portal/media",
    "STATIC_ROOT": "/srv/portal/static",
    "LEDGER_DIR": "/srv/portal/ledger",
    "STAFF_SECOND_STEP": True,
}


@pytest.fixture
def found(settings):
    def look(**changes: object) -> set[str]:
        for name, value in {**SAFE, **changes}.items():
            setattr(settings, name, value)
        messages = run_checks(tags=["security"], include_deployment_checks=True)
        return {message.id for message in messages if message.id.startswith("config.")}

    return look


def test_settings_that_are_apart_are_no_finding(found):
    assert found() == set()


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"LOOKUP_KEY": KEY}, "config.E001"),
        ({"RECEIPT_KEYS": {"r1": KEY}}, "config.E001"),
        ({"RECEIPT_KEYS": {"r1": b"l" * 32}}, "config.E001"),
        ({"MEDIA_ROOT": "/srv/portal/static/media"}, "config.E003"),
        ({"MEDIA_ROOT": "/srv/portal/static"}, "config.E003"),
        ({"STAFF_SECOND_STEP": False}, "config.E004"),
        ({"LEDGER_DIR": "/srv/portal/static/ledger"}, "config.E005"),
        ({"LEDGER_DIR": "/srv/portal/media"}, "config.E005"),
    ],
)
def test_each_that_serves_two_purposes_is_named(found, changes, finding):
    assert found(**changes) == {finding}


def test_a_cache_in_the_queue_of_jobs_is_named(found, settings):
    assert found(REDIS_URL=settings.CACHES["default"]["LOCATION"]) == {"config.E002"}
