from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef

from accounts.models import User

SECOND_STEP = Exists(Authenticator.objects.filter(user_id=OuterRef("user_id")))


class PortalBackend(AuthenticationBackend):
    """Signs in by number or address, also who has not entered the code yet: they are asked for it next."""

    def _authenticate_by_phone(self, phone: str, password: str) -> User | None:
        return self._check_password(User.objects.with_phone(phone), password)

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """Find at once what allauth looks up again at each step that follows: address, member, second step."""
        found = EmailAddress.objects.filter(email=email.lower()).select_related("user").annotate(guarded=SECOND_STEP)
        address = found.order_by("-verified", "-pk").first()
        if address is None:
            return self._check_password(User.objects.filter(email=email.lower()).first(), password)
        EmailAddress.objects.fill_cache_for_user(address.user, [address])
        address.user.signs_in_unguarded = not address.guarded
        return self._check_password(address.user, password)
