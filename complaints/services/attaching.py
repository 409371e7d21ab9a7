"""Pictures that a member adds to what they say: let in only while the permission for them is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog
from django.db import transaction

from complaints.models import MOST, Case, Entry, Picture
from consent import services as consent
from consent.pictures import Picture as Encoded
from consent.services import Device

log = structlog.get_logger(__name__)


class TooManyPictures(Exception):
    """The case has as many pictures as a case may have."""


@dataclass(frozen=True)
class Attached:
    """Pictures with where each came from, and the device on which they were let in."""

    device: Device
    pictures: Sequence[tuple[str, Encoded]]

    @property
    def kinds(self) -> set[str]:
        return {source for source, _picture in self.pictures}

    @property
    def shapes(self) -> list[tuple[int, int]]:
        return sorted((picture.width, picture.height) for _source, picture in self.pictures)

    @property
    def digests(self) -> list[str]:
        """Name each picture by its content: the same words with another picture are something else."""
        return [sha256(b"".join(picture.content.chunks())).hexdigest() for _source, picture in self.pictures]


def let_in(attached: Attached | None) -> None:
    """Make sure that what comes may come, and that a withdrawal waits until it is here; before any other lock.

    :raises consent.services.NotPermitted: when the permission is not open any more
    """
    if attached:
        consent.hold_open(device=attached.device, kinds=attached.kinds)


def attach(entry: Entry, attached: Attached | None, *, now: datetime) -> None:
    """Store the pictures beside an entry, under the lock of its case.

    A file whose row is not kept after all stays in the member's directory, and goes with it.

    :raises TooManyPictures: when there is no room for all of them
    """
    if attached is None:
        return
    if Picture.objects.of_case(entry.case).count() + len(attached.pictures) > MOST:
        raise TooManyPictures
    for source, picture in attached.pictures:
        Picture.objects.create(
            entry=entry, source=source, file=picture.content, width=picture.width, height=picture.height, added_at=now
        )


@transaction.atomic
def remove_picture(*, case: Case, picture_id: int) -> None:
    """Delete one picture of a case, with its file; deleting it twice is no mistake."""
    Picture.objects.of_case(case).filter(pk=picture_id).delete()
    log.info("picture.removed", case=case.pk)
