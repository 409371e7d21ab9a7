"""What members say about themselves, and for whom it is."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import Audience, Profile, User
from consent import withdrawal
from consent.models import Acceptance, Document
from consent.services import Origin, accept

NAME = Document.Kind.NAME


class NameNeedsConsent(Exception):
    """A name is only made public by a consent of its own (PIPL 25)."""


def profile_of(*, member: User) -> Profile:
    """Return a member's profile, an unsaved one when nothing was ever said."""
    return Profile.objects.filter(member=member).first() or Profile(member=member)


def may_publish_name(*, member: User) -> bool:
    """Tell whether the member's consent to publishing their name stands."""
    said = Acceptance.objects.for_member(member).standing([NAME]).first()
    return said is not None and said.action == Acceptance.Action.GIVEN


@transaction.atomic
def save_profile(
    *,
    member: User,
    values: Mapping[str, str],
    audience: Mapping[str, str],
    documents: Iterable[Document],
    origin: Origin,
    now: datetime,
) -> Profile:
    """Write down what a member says; of what was there before only the time of the change is kept.

    :raises NameNeedsConsent: when the name is to be public and the consent to that is neither given nor standing
    :raises consent.services.StaleDocument: when the sheet that was agreed to is not in force any more
    """
    Profile.objects.get_or_create(member=member)
    profile = Profile.objects.select_for_update().select_related("member").get(member=member)
    _settle_consent(member, audience["name"], documents, origin, now)
    before = {name: profile.value_of(name) for name in Profile.FIELDS}
    changed = [name for name in Profile.FIELDS if before[name] != values[name]]
    profile.changed |= {name: now.isoformat(timespec="seconds") for name in changed}
    profile.audience = dict(audience)
    for name in changed:
        setattr(profile.member if name == "name" else profile, name, values[name])
    if "name" in changed:
        profile.member.save(update_fields=["name"])
    profile.save()
    return profile


def _settle_consent(member: User, audience: str, documents: Iterable[Document], origin: Origin, now: datetime) -> None:
    """Publishing a name and consenting to that begin and end together."""
    stands = may_publish_name(member=member)
    if audience != Audience.EVERYBODY:
        if stands:
            withdrawal.take_back(member=member, kind=NAME, origin=origin, now=now)
        return
    agreed = list(documents)
    if agreed:
        accept(member=member, documents=agreed, origin=origin, now=now)
    elif not stands:
        raise NameNeedsConsent


def hide_name(*, member: User) -> None:
    """Take the name off every page but the member's own."""
    profile = Profile.objects.select_for_update().filter(member=member).first()
    if profile is not None and profile.audience_of("name") == Audience.EVERYBODY:
        profile.audience["name"] = Audience.ONESELF
        profile.save(update_fields=["audience"])
