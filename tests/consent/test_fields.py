"""Sealed columns: ciphertext in the database, the value in Python, and nobody moves one to another column."""

from datetime import date

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.signing import BadSignature
from django.db import connection

from accounts.models import User
from consent.fields import ColumnCipher, SealedCharField, SealedJSONField, UnreadableCiphertext, as_stored, keyed_hash
from tests.factories import make_member

pytestmark = pytest.mark.django_db


def stored(member: User, column: str) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM accounts_user WHERE id = %s", [member.pk])
        return bytes(cursor.fetchone()[0])


def test_the_column_holds_ciphertext_and_the_model_the_value():
    member = make_member(name="王爱丽")
    assert "王爱丽".encode() not in stored(member, "name")
    assert User.objects.get(pk=member.pk).name == "王爱丽"


def test_the_same_value_is_never_stored_twice_alike():
    assert stored(make_member(name="王爱丽"), "name") != stored(make_member(name="王爱丽"), "name")


def test_a_ciphertext_moved_to_another_column_does_not_open():
    member = make_member(name="王爱丽")
    with pytest.raises(BadSignature):
        ColumnCipher("accounts.user.phone").decrypt(stored(member, "name"))


def test_a_ciphertext_somebody_changed_does_not_open():
    box = ColumnCipher("accounts.user.name")
    broken = bytearray(box.encrypt(b"secret"))
    broken[-1] ^= 1
    with pytest.raises(BadSignature):
        box.decrypt(bytes(broken))


def test_a_new_key_encrypts_while_the_old_one_still_reads(settings):
    old = make_member(name="旧钥匙")
    settings.FIELD_KEYS = {"new": b"n" * 32, **settings.FIELD_KEYS}
    new = make_member(name="新钥匙")
    assert stored(new, "name")[2:5] == b"new"
    assert [User.objects.get(pk=m.pk).name for m in (old, new)] == ["旧钥匙", "新钥匙"]


def test_without_its_key_a_value_is_unreadable_and_says_only_the_column(settings):
    member = make_member(name="王爱丽")
    settings.FIELD_KEYS = {"other": b"o" * 32}
    with pytest.raises(UnreadableCiphertext, match=r"^accounts\.user\.name$"):
        User.objects.get(pk=member.pk)


@pytest.mark.parametrize("junk", [b"", b"\x01", b"\x02\x01a", b"\x01\x05ab", b"\x01\xff" + b"\xff" * 300])
def test_bytes_that_were_never_ours_are_refused(junk):
    with pytest.raises(UnreadableCiphertext):
        ColumnCipher("accounts.user.name").decrypt(junk)


def test_a_sealed_column_cannot_be_searched():
    make_member(name="王爱丽")
    with pytest.raises(FieldError):
        User.objects.filter(name="王爱丽").exists()


def test_a_sealed_column_takes_what_is_longer_encrypted_than_its_limit():
    member = make_member(name="长" * 60)
    member.full_clean(exclude=["password"])
    assert User.objects.get(pk=member.pk).name == "长" * 60


def test_ciphertext_is_read_as_it_is_stored_and_opened_later():
    member = make_member(name="王爱丽")
    ((phone, name),) = User.objects.values_list(as_stored("phone"), as_stored("name"))
    assert phone is None
    assert bytes(name) == stored(member, "name")
    assert User._meta.get_field("name").unseal(name) == "王爱丽"


def test_none_stays_none():
    assert User.objects.get(pk=make_member().pk).phone is None


def test_json_and_dates_survive():
    field = SealedJSONField()
    field.set_attributes_from_name("detail")
    field._fernet = ColumnCipher("some.model.detail")
    assert field._load(field._dump({"日": date(2026, 11, 24), "列": [1, None]})) == {
        "日": "2026-11-24",
        "列": [1, None],
    }


def test_a_migration_can_rebuild_a_sealed_field():
    _, path, args, kwargs = SealedCharField("姓名", max_length=60).deconstruct()
    assert path == "consent.fields.SealedCharField"
    assert SealedCharField(*args, **kwargs).max_length == 60


def test_a_dump_of_the_model_can_be_loaded_again():
    member = make_member(name="王爱丽")
    dump = serializers.serialize("json", [member], fields=["name"])
    assert next(iter(serializers.deserialize("json", dump))).object.name == "王爱丽"


def test_a_keyed_hash_depends_on_value_purpose_and_key(settings):
    one = keyed_hash("+8613800000000", purpose="a")
    assert len(one) == 32
    assert one == keyed_hash("+8613800000000", purpose="a")
    assert one != keyed_hash("+8613800000001", purpose="a")
    assert one != keyed_hash("+8613800000000", purpose="b")
    settings.LOOKUP_KEY = b"x" * 32
    assert one != keyed_hash("+8613800000000", purpose="a")
