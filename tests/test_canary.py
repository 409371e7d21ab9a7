"""A word is planted wherever a person may be spoken of; after leaving it is nowhere."""

import os
import secrets
from threading import Thread

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore
from django.db.models import Field
from django.test import Client

from accounts import services
from accounts.models import Closure, User, hash_of_phone
from consent import inventory
from courses.models import Order, Payment
from courses.sandbox import Identity, Sandbox
from tests import canaries
from tests.factories import make_member
from tests.workers import Workers, wait_until

# Others run these tests beside us, on the same Redis: each run has words of its own.
WORD, BOBS = f"金丝雀Canary{secrets.token_hex(3)}", f"麻雀Sparrow{secrets.token_hex(3)}"
PHONE = f"+86139{secrets.randbelow(10**8):08}"
HASH_LENGTH = 32
# A password is kept as a hash; a member's own case has no claim code; a picture's name says nothing, its file has the
# word; of the rest, only our services write the words.
UNPLANTED = {
    "accounts.User.password",
    "complaints.Case.claim_hash",
    "complaints.Picture.file",
    "accounts.Export.file",
    "accounts.Avatar.file",
}
UNPLANTED |= {"accounts.User.open_permissions", "accounts.User.texts_settled"}
PASSWORD = "correct horse battery"


@pytest.fixture
def channel(tmp_path):
    """The payment channel, as the sandbox plays it."""
    sandbox = Sandbox(
        port=0,
        folder=tmp_path,
        identity=Identity(
            app_id=settings.ALIPAY["app_id"],
            seller_id=settings.ALIPAY["seller_id"],
            private_key=os.environ["ALIPAY_SANDBOX_PRIVATE_KEY"],
            merchant_public_key=os.environ["ALIPAY_SANDBOX_MERCHANT_PUBLIC_KEY"],
        ),
    )
    thread = Thread(target=sandbox.run)
    thread.start()
    yield f"{sandbox.url}/gateway.do"
    sandbox.stop()
    thread.join()


@pytest.fixture
def workers(channel):
    started = Workers(ALIPAY_GATEWAY=channel)
    yield started
    started.stop()


def member_with(word: str, phone: str) -> User:
    member = make_member(name=word, email=f"{word}@example.com")
    member.set_phone(phone, verified=True)
    member.save()
    EmailAddress.objects.create(user=member, email=f"{word}2@example.com", verified=True)
    canaries.Planter(member, word).plant_everything()
    canaries.upload(member, word)
    half_signed_in = SessionStore()
    half_signed_in["account_login"] = {"user_pk": str(member.pk), "phone": phone, "word": word}
    half_signed_in.save()
    return member


def leave(member: User) -> Closure:
    """Close the account and skip the days to change one's mind, through the pages."""
    for path in ("/me/close/", "/me/closing/delete/"):
        client = Client()
        client.force_login(member)
        assert client.post(path, {"password": PASSWORD})["Location"].startswith("/goodbye/")
    return Closure.objects.live().get(member=member)


@pytest.mark.django_db(transaction=True)
def test_the_planter_knows_every_kind_of_row_and_every_sealed_field(documents):
    member_with(WORD, PHONE)
    planted = canaries.belongings(User.objects.get())
    assert {entry.label for entry in inventory.entries()} == {label for label, rows in planted.items() if rows}
    silent = [name for entry in inventory.entries() for name in silent_fields(entry)]
    assert set(silent) == UNPLANTED


def silent_fields(entry: inventory.Entry) -> list[str]:
    """Name the fields that go and could speak of a person, and of which no row does."""
    going = [f for f in entry.model._meta.fields if entry.deletes or (not entry.unlinks and f.name in entry.on_close)]
    telling = [f for f in going if canaries.is_telling(f)]
    return [f"{entry.label}.{f.name}" for f in telling if not any(map(is_planted, values_of(entry, f)))]


def values_of(entry: inventory.Entry, f: Field) -> list[object]:
    return list(entry.model._base_manager.values_list(f.name, flat=True))


def is_planted(value: object) -> bool:
    """Tell whether a value is one of ours; a keyed hash can only be there or not."""
    if isinstance(value, bytes | memoryview):
        return len(value) == HASH_LENGTH
    return any(trace in str(value) for trace in (WORD, WORD.lower(), PHONE, "203.0.113.66"))


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_word_planted_everywhere_is_nowhere_after_leaving(documents, workers):
    alice, bob = member_with(WORD, PHONE), member_with(BOBS, "+8613700000000")
    before = canaries.everything_stored() + canaries.everything_sealed()
    assert [place for place, said in canaries.what_is_where().items() if WORD.lower() not in said.lower()] == []
    traces = [WORD, WORD.lower(), PHONE[3:], str(alice.media_prefix), hash_of_phone(PHONE).hex()]
    assert [trace for trace in traces if trace not in before] == []  # it could leak
    bobs = canaries.belongings(bob)
    closure = leave(alice)
    workers.start()
    workers.ask("accounts.tasks.purge_due_accounts")
    wait_until(lambda: Closure.objects.get(pk=closure.pk).state == "done")
    after = canaries.everything_stored() + canaries.everything_sealed()
    assert [trace for trace in traces if trace in after] == []
    assert canaries.belongings(bob) == bobs
    assert BOBS in after
    services.write_ledger()
    ledger = canaries.in_ledger()
    assert closure.number in ledger
    assert [trace for trace in traces if trace in ledger] == []


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_the_books_stay_without_a_name(documents, workers):
    alice = member_with(WORD, PHONE)
    closure = leave(alice)
    workers.start()
    workers.ask("accounts.tasks.purge_due_accounts")
    wait_until(lambda: Closure.objects.get(pk=closure.pk).state == "done")
    order, payment = Order.objects.get(), Payment.objects.get()
    assert (order.total_fen, order.status, order.member) == (19900, "paid", None)
    assert order.retention_ref is not None
    assert (payment.order, payment.amount_fen, payment.account) == (order, 19900, None)
