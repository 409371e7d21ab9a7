from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User


class PortalBackend(AuthenticationBackend):
    """Signs in by number or address, also who has not entered the code yet: they are asked for it next."""

    def _authenticate_by_phone(self, phone: str, password: str) -> User | None:
        return self._check_password(User.objects.with_phone(phone), password)
