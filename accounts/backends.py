from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress

from accounts.models import User


class PortalBackend(AuthenticationBackend):
    """Signs in by number or address, also who has not entered the code yet: they are asked for it next."""

    def _authenticate_by_phone(self, phone: str, password: str) -> User | None:
        return self._check_password(User.objects.with_phone(phone), password)

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """Find the address once, where allauth looks it up again at each step that follows."""
        address = (
            EmailAddress.objects.filter(email=email.lower()).select_related("user").order_by("-verified", "-pk").first()
        )
        if address is None:
            return self._check_password(User.objects.filter(email=email.lower()).first(), password)
        EmailAddress.objects.fill_cache_for_user(address.user, [address])
        return self._check_password(address.user, password)
