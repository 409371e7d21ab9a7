"""A member's picture of themselves: let in while pictures are, replaced, removed."""

from datetime import datetime

from django.db import transaction

from accounts.models import Avatar, Profile, User
from consent import services as consent
from consent.pictures import Picture
from consent.services import Device


def avatar_of(*, member: User) -> Avatar | None:
    return Avatar.objects.filter(member=member).first()


@transaction.atomic
def save_avatar(*, device: Device, picture: Picture, audience: str, now: datetime) -> Avatar:
    """Put a picture in the place of the one before, whose file goes at once.

    :raises consent.services.NotPermitted: when pictures are not open on the device any more
    """
    source = Avatar.Source.PICTURES
    consent.hold_open(device=device, kinds={source})
    Profile.objects.get_or_create(member=device.member)  # the address at which it is seen
    Avatar.objects.filter(member=device.member).delete()
    return Avatar.objects.create(
        member=device.member,
        source=source,
        file=picture.content,
        side=picture.width,
        audience=audience,
        added_at=now,
    )


def show_avatar_to(*, member: User, audience: str) -> None:
    """Choose who sees it; when there is none any more, nobody does."""
    Avatar.objects.filter(member=member).update(audience=audience)


def remove_avatar(*, member: User) -> None:
    """Delete it with its file; deleting it twice is no mistake."""
    Avatar.objects.filter(member=member).delete()
