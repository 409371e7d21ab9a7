"""The cast: alice owns what the test is about, bob is another member; and what every test keeps its hands off."""

import time
from datetime import datetime

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from accounts import tasks
from accounts.models import User
from accounts.services import ledger, restoring
from consent import services, timeline
from consent.models import Document
from tests.backups import Backup, leave
from tests.factories import agree, make_member


@pytest.fixture(autouse=True, scope="session")
def _cheap_machinery():
    """Hash passwords fast, look static files up without a manifest, and keep mail, SMS and visits in memory."""
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        SMS_BACKEND="accounts.sms.memory.Backend",
        VISITS_WRITTEN_EVERY=0,
        STORAGES={
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
    ):
        yield


@pytest.fixture(autouse=True)
def _own_files_and_an_empty_cache(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.LEDGER_DIR = tmp_path / "ledger"
    cache.clear()
    timeline.forget()
    # As if the guard of the ledger had just looked: its queries come once a minute, in whichever test that is.
    restoring._guard.found, restoring._guard.looked_at = ledger.Comparison(), time.monotonic()


@pytest.fixture
def fresh_look() -> None:
    """Let the guard of the ledger look anew."""
    restoring.look_again()


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def restored(alice, bob, now) -> Backup:
    """Alice and Carol leave, then a backup from before comes back that knows Alice only; Bob never left."""
    backup = Backup(alice)
    carol = make_member()
    leave(alice, carol, now=now)
    tasks.write_ledger()
    backup.restore()
    return backup


@pytest.fixture
def documents(db):
    """The shipped texts that are in force; who is a member already agrees to them."""
    now = timezone.now()
    services.publish_documents(now=now)
    for member in User.objects.order_by("pk"):
        agree(member, now=now)
    return {document.kind: document for document in Document.objects.in_force(now)}


@pytest.fixture
def alice(db) -> User:
    return make_member(email="alice@example.com", name="王爱丽")


@pytest.fixture
def bob(db) -> User:
    return make_member(email="bob@example.com", name="李波")


@pytest.fixture
def newcomer(db) -> User:
    """A member who has said nothing about any text."""
    return make_member(email="newcomer@example.com", agrees=False)


@pytest.fixture
def queries(client):
    """Count what a page asks the database; the savepoint around a request is only there in tests."""

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        return sum("SAVEPOINT" not in query["sql"] for query in asked)

    return count
