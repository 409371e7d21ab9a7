"""What becomes of a member's open cases when they leave."""

from collections.abc import Collection, Iterable

from django.urls import reverse

from accounts.closing import Consequence
from accounts.models import User
from complaints.models import Case, hash_of_contact
from consent.lookups import Among


def consequences(member: User) -> list[Consequence]:
    """Say how many matters are still open, and that they end unanswered."""
    number = Case.objects.for_member(member).unfinished().count()
    if not number:
        return []
    return [
        Consequence(
            title=f"{number} 件投诉或咨询还没有办结",
            text="往来内容会随账号一起删除，我们不再处理，也无法再把结果告诉您。想要答复的，请等办结以后再注销。",
            url=reverse("complaints:my_cases"),
            link="查看我的投诉与咨询",
        )
    ]


def bound(_member_ids: Collection[int]) -> set[int]:
    """Tell who has to be released: nobody."""
    return set()


def release(member: User) -> None:
    """Leave things as they are: nobody outside holds anything about a case."""


def forget(contacts: Iterable[str]) -> None:
    """Empty these numbers and addresses, and the name beside them, in cases written without signing in.

    What was written stays: who wrote it is not proven, and it is answered under its claim code.
    """
    hashes = Among(filter(None, map(hash_of_contact, contacts)))
    unowned = Case.objects.unowned()
    unowned.filter(contact_phone_hash__among=hashes).update(contact_phone="", contact_phone_hash=None, contact_name="")
    unowned.filter(contact_email_hash__among=hashes).update(contact_email="", contact_email_hash=None, contact_name="")
