"""What people are told: versions, their pages, and how the shipped texts get into the database."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from consent import services
from consent.models import Document
from tests.factories import make_document

pytestmark = pytest.mark.django_db
SHIPPED = sorted(Document.Kind.values)


def test_the_version_in_force_is_the_latest_whose_day_has_come(now):
    make_document(version="1", effective_at=now - timedelta(days=30))
    binding = make_document(version="2", effective_at=now - timedelta(days=1))
    make_document(version="3", effective_at=now + timedelta(days=7))
    assert Document.objects.current("agreement", now) == binding


def test_each_kind_has_its_own_version_in_force(now):
    agreement, privacy = make_document(kind="agreement"), make_document(kind="privacy")
    assert set(Document.objects.in_force(now)) == {agreement, privacy}


def test_a_version_never_changes_once_written():
    document = make_document()
    for write in (lambda: Document.objects.update(body="另一段"), lambda: Document.objects.all().delete()):
        with pytest.raises(ProgrammingError), transaction.atomic():
            write()
    assert Document.objects.get(pk=document.pk).body == document.body


def test_the_hash_is_that_of_the_exact_text():
    one, two = make_document(version="1", body="正文。"), make_document(version="2", body="正文。 ")
    assert len(one.sha256) == 64
    assert one.sha256 != two.sha256


def test_the_shipped_texts_are_published_once(now):
    published = services.publish_documents(now=now)
    assert sorted({document.kind for document in published}) == SHIPPED
    assert services.publish_documents(now=now) == []
    assert sorted(document.kind for document in Document.objects.in_force(now)) == SHIPPED


def test_the_command_says_what_it_published():
    first, second = StringIO(), StringIO()
    call_command("publish_documents", stdout=first)
    call_command("publish_documents", stdout=second)
    assert first.getvalue().count("已公布") == Document.objects.count() > len(SHIPPED)
    assert second.getvalue() == ""


def test_a_shipped_text_takes_effect_at_midnight_in_beijing(now):
    (document, *_) = services.publish_documents(now=now)
    assert timezone.localtime(document.effective_at).hour == 0


def test_every_shipped_heading_can_be_linked_to_and_no_anchor_is_used_twice(documents):
    for document in documents.values():
        html = document.html
        anchors = [part.split('"')[0] for part in html.split(' id="')[1:]]
        assert len(anchors) == len(set(anchors)), document
        assert "{#" not in html


# ── Pages ──


@pytest.mark.parametrize("kind", SHIPPED)
def test_anybody_can_read_what_is_in_force(client, documents, kind):
    page = client.get(f"/policy/{kind}/").content.decode()
    assert f"<h1>{documents[kind].title}</h1>" in page
    assert "生效中" in page
    assert documents[kind].sha256 in page


def test_a_long_text_has_a_table_of_contents_that_leads_to_its_headings(client, documents):
    page = client.get("/policy/privacy/").content.decode()
    targets = [part.split('"')[0] for part in page.split('<a href="#')[1:]]
    linked = [target for target in targets if f'id="{target}"' in page]
    assert len(linked) > 20


def test_old_versions_stay_readable_and_say_that_they_are_old(client, now):
    make_document(version="1", body="旧的正文", effective_at=now - timedelta(days=30))
    make_document(version="2", body="新的正文", effective_at=now - timedelta(days=1))
    page = client.get("/policy/agreement/1/").content.decode()
    assert "旧的正文" in page
    assert "已被替代" in page
    assert "新的正文" in client.get("/policy/agreement/").content.decode()


def test_a_coming_version_can_be_read_and_says_that_it_does_not_bind_yet(client, now):
    make_document(version="1", body="生效的正文", effective_at=now - timedelta(days=30))
    make_document(version="2", body="将来的正文", effective_at=now + timedelta(days=7))
    page = client.get("/policy/agreement/2/").content.decode()
    assert "将来的正文" in page
    assert "尚未生效" in page
    assert "生效的正文" in client.get("/policy/agreement/").content.decode()


def test_the_page_lists_every_version(client, now):
    for days, version in ((60, "1"), (30, "2"), (1, "3")):
        make_document(version=version, summary=f"改动 {version}", effective_at=now - timedelta(days=days))
    page = client.get("/policy/agreement/").content.decode()
    assert all(f"/policy/agreement/{version}/" in page and f"改动 {version}" in page for version in "123")


@pytest.mark.parametrize("path", ["/policy/other/", "/policy/agreement/9.9/", "/policy/agreement/"])
def test_what_was_never_written_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_reading_costs_the_same_for_one_version_and_for_twenty(now, queries):
    make_document(version="0", effective_at=now - timedelta(days=1))
    alone = queries("/policy/agreement/")
    for day in range(2, 21):
        make_document(version=str(day), effective_at=now - timedelta(days=day))
    assert queries("/policy/agreement/") == alone == 2


def test_the_database_refuses_two_texts_of_one_version(now):
    make_document(version="1")
    with pytest.raises(Exception, match="one_text_per_kind_and_version"), transaction.atomic():
        make_document(version="1", effective_at=now - timedelta(days=9))
    assert connection.needs_rollback is False
