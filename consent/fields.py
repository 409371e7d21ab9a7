"""Columns for personal data: encrypted, looked up by a keyed hash, or pointing by a random number.

django-cryptography alone signs with SECRET_KEY, knows one key, pickles, and lets a ciphertext be moved from column to
column. Here a ring of keys (`FIELD_KEYS`) is named inside each ciphertext, every column derives its own pair from it,
and values are JSON.
"""

import hmac
import json
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import FieldError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import ExpressionWrapper, F
from django.db.models.lookups import Exact, Lookup
from django_cryptography.core.signing import FernetSigner
from django_cryptography.fields import EncryptedMixin
from django_cryptography.utils.crypto import FernetBytes

VERSION = b"\x01"


class UnreadableCiphertext(ValueError):
    """The bytes are no ciphertext of ours, or name a key that is not in the ring."""


@lru_cache(maxsize=256)
def _derive(master: bytes, info: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, None, info.encode()).derive(master)


@lru_cache(maxsize=256)
def _box(master: bytes, column: str) -> FernetBytes:
    return FernetBytes(_derive(master, f"encrypt:{column}"), FernetSigner(_derive(master, f"sign:{column}")))


class ColumnCipher(FernetBytes):
    """Encrypts with the first key of the ring; decrypts with the key that a ciphertext names.

    Layout: one byte of version, one byte of key-id length, the key id, the token.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def encrypt(self, data: bytes | str) -> bytes:
        kid, master = next(iter(settings.FIELD_KEYS.items()))
        return VERSION + bytes([len(kid)]) + kid.encode() + _box(master, self.column).encrypt(data)

    @staticmethod
    def beginnings() -> list[bytes]:
        """List how ciphertexts of ours begin: one for each key of the ring."""
        return [VERSION + bytes([len(kid)]) + kid.encode() for kid in settings.FIELD_KEYS]

    def decrypt(self, data: bytes | memoryview, ttl: int | None = None) -> bytes:
        """Return the plain bytes.

        :raises UnreadableCiphertext: for an unknown version or key
        """
        data = bytes(data)
        length = data[1] if len(data) > 1 else 0
        master = settings.FIELD_KEYS.get(data[2 : 2 + length].decode("ascii", "replace"))
        if data[:1] != VERSION or master is None:
            raise UnreadableCiphertext(self.column)
        return _box(master, self.column).decrypt(data[2 + length :], ttl)


class OnlyNone(Exact):
    """`field=None`, which Django asks for as "exact"; any value would be compared with ciphertext and never found."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if rhs is not None:
            raise FieldError("A sealed field can only be compared with None")
        super().__init__(lhs, rhs)


class SealedMixin(EncryptedMixin):
    """A field whose column holds only ciphertext; it cannot be searched, only read."""

    wasinstance = True  # the parent asks; ours are always used as classes of their own

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        self._fernet = ColumnCipher(f"{cls._meta.label_lower}.{name}")

    def get_lookup(self, lookup_name: str) -> type[Lookup] | None:
        return OnlyNone if lookup_name == "exact" else super().get_lookup(lookup_name)

    def seal(self, value: object) -> bytes:
        """Write a value as ciphertext, for statements that Django does not write."""
        return self._dump(value)

    def unseal(self, value: bytes | memoryview) -> object:
        """Read what was asked for `as_stored`; what goes wrong is as with `text_of`."""
        return self._load(bytes(value))

    def text_of(self, value: bytes | memoryview) -> str:
        """Read ciphertext as the text that was sealed, written as JSON.

        :raises UnreadableCiphertext: for an unknown version or key
        :raises django.core.signing.BadSignature: when it was changed
        :raises django_cryptography.utils.crypto.InvalidToken: when it is no ciphertext at all
        """
        return self._fernet.decrypt(bytes(value)).decode()

    def _dump(self, value: object) -> bytes:
        return self._fernet.encrypt(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False))

    def _load(self, value: bytes) -> object:
        return self.to_python(json.loads(self._fernet.decrypt(value)))


def as_stored(name: str) -> ExpressionWrapper:
    """Ask for a sealed column as ciphertext: to open thousands takes longer than to read them."""
    return ExpressionWrapper(F(name), output_field=models.BinaryField())


class SealedCharField(SealedMixin, models.CharField):
    base_class = models.CharField


class SealedTextField(SealedMixin, models.TextField):
    base_class = models.TextField


class SealedJSONField(SealedMixin, models.JSONField):  # type: ignore[misc]  # look-ups are the mixin's
    base_class = models.JSONField


class KeyedHashField(models.BinaryField):
    """HMAC-SHA256 of a normalised value: finds and compares it without revealing it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 32, "editable": False, **kwargs})


class SubjectKey(models.ForeignKey):
    """Knows a member by a random number that stands nowhere but here and in the member's own row.

    No constraint in the database: when the member's row goes, the number stays and leads to nobody.
    """

    def __init__(self, **kwargs: Any) -> None:
        fixed = {"to": settings.AUTH_USER_MODEL, "to_field": "subject", "on_delete": models.DO_NOTHING}
        super().__init__(**{**kwargs, **fixed, "db_constraint": False})


def keyed_hash(value: str, *, purpose: str) -> bytes:
    """Hash a normalised value under `LOOKUP_KEY`; another purpose gives an unrelated hash."""
    return hmac.digest(_derive(settings.LOOKUP_KEY, f"look-up:{purpose}"), value.encode(), "sha256")
