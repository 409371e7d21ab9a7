"""Reading the environment: what is missing or wrong is named."""

import base64
import binascii
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()


def key_ring(name: str) -> dict[str, bytes]:
    """Read "id:base64,id:base64"; the first key encrypts, all of them decrypt.

    :raises ImproperlyConfigured: when an entry is no 32 bytes of base64
    """
    ring: dict[str, bytes] = {}
    for entry in env.list(name):
        kid, _, encoded = entry.partition(":")
        try:
            ring[kid] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            ring[kid] = b""
        if not kid or len(ring[kid]) != 32:
            raise ImproperlyConfigured(f"{name} must be id:base64 of 32 bytes, separated by commas")
    if not ring:
        raise ImproperlyConfigured(f"{name} holds no key")
    return ring


def pem(name: str, default: str = "") -> str:
    """Read a PEM key: its text, or the path of a file that holds it."""
    value = env.str(name, default=default, multiline=True)
    if not value or value.startswith("-----"):
        return value
    try:
        return Path(value).read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is neither a PEM text nor a file that can be read") from error
