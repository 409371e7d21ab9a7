from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef

from accounts import attempts
from accounts.models import User

SECOND_STEP = Exists(Authenticator.objects.filter(user_id=OuterRef("user_id")))


class PortalBackend(AuthenticationBackend):
    """Signs in by number or address, also who has not entered the code yet: they are asked for it next.

    Who was suspended is let in too: to export, complain and leave, and to nothing else (`SuspendedMembersMiddleware`).
    """

    def user_can_authenticate(self, _member: User | None) -> bool:
        return True

    def _authenticate_by_phone(self, phone: str, password: str) -> User | None:
        return self._try(User.objects.with_phone(phone), phone, password)

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """Find at once what allauth looks up again at each step that follows: address, member, second step."""
        found = EmailAddress.objects.filter(email=email.lower()).select_related("user").annotate(guarded=SECOND_STEP)
        address = found.order_by("-verified", "-pk").first()
        if address is None:
            return self._try(User.objects.filter(email=email.lower()).first(), email, password)
        EmailAddress.objects.fill_cache_for_user(address.user, [address])
        address.user.signs_in_unguarded = not address.guarded
        return self._try(address.user, email, password)

    def _try(self, member: User | None, typed: str, password: str) -> User | None:
        """Look at a password, so and so often for each contact that is typed, and for each member by either of theirs.

        The second limit says nothing: that a number and an address have one would tell that they belong together.
        The try that was right is uncounted: a wrong one between two right ones must not be forgotten with it.

        :raises django.forms.ValidationError: when this contact was tried too often
        """
        tries, contact = attempts.for_account(), typed.lower()
        tries.enforce(contact)
        owner = attempts.of_member(member.pk) if member else f"nobody:{contact}"
        is_within = tries.take(owner)
        let_in: User | None = self._check_password(member, password)
        if let_in is None or not is_within:
            return None
        tries.give_back(contact)
        tries.give_back(owner)
        return let_in
