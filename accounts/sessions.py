"""Sessions in the database, read from the cache."""

import secrets

from django.contrib.sessions.backends import cached_db


class SessionStore(cached_db.SessionStore):
    """Django's, but a sign-in writes its session once: Django makes an empty row first, to fill it a moment later.

    A key has 128 random bits, and the INSERT refuses a taken one: nobody needs to ask beforehand whether it is free.
    """

    is_new = False

    def _get_new_session_key(self) -> str:
        return secrets.token_hex(16)

    def cycle_key(self) -> None:
        """Go on under a new key; the row is made when the session is saved, at the end of the request."""
        data, old = self._session, self.session_key  # type: ignore[attr-defined]  # the stubs lack it
        self._session_key = self._get_new_session_key()
        self._session_cache = data
        self.modified = self.is_new = True
        if old:
            self.delete(old)

    def save(self, must_create: bool = False) -> None:
        new, self.is_new = self.is_new, False
        super().save(must_create=must_create or new)
