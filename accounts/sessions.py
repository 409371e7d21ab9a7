"""Sessions in the database and the cache."""

from django.contrib.sessions.backends import cached_db
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.crypto import get_random_string

KEY_LENGTH = 32


class SessionStore(cached_db.SessionStore):
    """Takes a new key without asking cache and database whether it is in use.

    165 random bits meet nobody's; should they, the insert that follows fails on the primary key and takes another.
    """

    def _get_new_session_key(self) -> str:
        return get_random_string(KEY_LENGTH, VALID_KEY_CHARS)
