"""Sessions in the database, read from the cache."""

from django.contrib.sessions.backends import cached_db
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.crypto import get_random_string


class SessionStore(cached_db.SessionStore):
    """Django's, but a sign-in writes its session once: Django makes an empty row first, to fill it a moment later.

    A key has 165 random bits, and the INSERT refuses a taken one: nobody needs to ask beforehand whether it is free.
    """

    is_new = False

    def _get_new_session_key(self) -> str:
        return get_random_string(32, VALID_KEY_CHARS)

    def cycle_key(self) -> None:
        """Go on under a new key; the row is made when the session is saved, at the end of the request."""
        data, old = self._session, self.session_key
        self._session_key = self._get_new_session_key()
        self._session_cache = data
        self.modified = self.is_new = True
        if old:
            self.delete(old)

    def save(self, must_create: bool = False) -> None:
        new, self.is_new = self.is_new, False
        super().save(must_create=must_create or new)
