"""Keys, of which some open an account by themselves."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.models import User


def has_proven_contact(*, member: User) -> bool:
    """Tell whether a code could be sent that lets the member in."""
    return member.phone_verified or EmailAddress.objects.filter(user=member, verified=True).exists()


def has_passkey(*, member: User, but: int | None = None) -> bool:
    """Tell whether a key, another than `but`, lets the member in by itself; a mere second step does not."""
    keys = Authenticator.objects.filter(user=member, type=Authenticator.Type.WEBAUTHN).exclude(pk=but)
    return any(key.wrap().is_passwordless for key in keys)


@transaction.atomic
def may_remove_key(*, member: User, key: int) -> bool:
    """Tell whether the member can come in without this key; until the transaction ends nothing else is taken away."""
    member = User.objects.select_for_update().get(pk=member.pk)
    by_wechat = SocialAccount.objects.filter(user=member).exists()
    return by_wechat or has_proven_contact(member=member) or has_passkey(member=member, but=key)
