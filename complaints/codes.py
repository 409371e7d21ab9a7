"""Numbers that are read out on the telephone, and codes that open a case."""

import secrets
import unicodedata
from datetime import datetime

from django.utils import timezone

from consent.fields import keyed_hash

# Crockford's base 32: no letter that is taken for a figure.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})
CODE_LENGTH = 16  # 80 bits


def new_number(now: datetime) -> str:
    """Make a number that tells the day and nothing else: eight random letters keep two from meeting."""
    return f"C{timezone.localdate(now):%Y%m%d}-{''.join(secrets.choice(ALPHABET) for _ in range(8))}"


def code_of(submission: str) -> str:
    """Derive the claim code of one submission.

    It is derived, not drawn, because only its hash is stored and yet a form that was sent twice must show it twice.
    """
    digest = keyed_hash(submission, purpose="complaints.claim_code")
    return grouped("".join(ALPHABET[byte % 32] for byte in digest[:CODE_LENGTH]))


def grouped(code: str) -> str:
    """Put a hyphen after every fourth character, so that a person can copy it."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def normalise(code: str) -> str:
    """Undo what a keyboard does to a code: small letters, hyphens, spaces, full-width characters, look-alikes."""
    return unicodedata.normalize("NFKC", code).upper().translate(LOOKALIKES)


def hash_of(code: str) -> bytes:
    """Hash a claim code, however it was typed."""
    return keyed_hash(normalise(code), purpose="complaints.claim_hash")
