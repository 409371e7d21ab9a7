"""Taking members in."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.models.message import hash_of_destination
from consent import inventory
from consent.models import Document
from consent.services import Origin, accept

UNPROVEN_KEPT = timedelta(days=7)
JUST_JOINED = timedelta(hours=1)  # the browser one signs up with is not a new one


@transaction.atomic
def register(*, member: User, documents: Iterable[Document], origin: Origin, now: datetime) -> User:
    """Write down that a new member is of age and agrees to these texts.

    :raises consent.services.StaleDocument: when one of them is not in force now
    """
    member.adult_at = now
    member.save(update_fields=["adult_at"])
    accept(member=member, documents=documents, origin=origin, now=now)
    return member


def hold_contact(contact: str) -> None:
    """Make whoever else wants this number or address wait until the transaction ends.

    Two people who enter their codes in the same instant come one after the other; the second reads that it is taken.
    """
    key = int.from_bytes(hash_of_destination(contact)[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


@transaction.atomic
def drop_unproven_claims(*, email: str) -> None:
    """Forget sign-ups that typed this address and never proved it: whoever owns it must not find it occupied."""
    _forget(User.objects.unproven().filter(email=email.lower()))


def drop_unproven_members(*, now: datetime) -> int:
    """Forget sign-ups that were begun a week ago and never finished."""
    return _forget(outdated_sign_ups(now)[:500])


def outdated_sign_ups(now: datetime) -> QuerySet[User]:
    """List the sign-ups that were begun so long ago that nobody will finish them."""
    return User.objects.unproven().filter(date_joined__lt=now - UNPROVEN_KEPT)


@transaction.atomic
def _forget(members: QuerySet[User]) -> int:
    """Erase these sign-ups, but nobody who is proving themselves at this moment: they are passed over."""
    found = list(members.values_list("pk", flat=True))
    ids = list(User.objects.unproven().filter(pk__in=_held(found)).values_list("pk", flat=True)) if found else []
    if ids:
        inventory.erase(member_ids=ids)
    return len(ids)


def _held(member_ids: list[int]) -> list[int]:
    """Lock these members and their addresses, which an entered code changes; return whom nobody else holds."""
    locked = User.objects.select_for_update(skip_locked=True).filter(pk__in=member_ids)
    pks = list(locked.order_by("pk").values_list("pk", flat=True))
    addresses = EmailAddress.objects.filter(user__in=pks)
    free = list(addresses.select_for_update(skip_locked=True).values_list("pk", flat=True))
    busy = set(addresses.exclude(pk__in=free).values_list("user", flat=True))
    return [pk for pk in pks if pk not in busy]


@transaction.atomic
def ensure_member(
    *,
    email: str,
    password: str,
    name: str,
    documents: Iterable[Document],
    now: datetime,
    phone: str | None = None,
    is_staff: bool = False,
    is_superuser: bool = False,
    roles: Iterable[str] = (),
) -> User:
    """Make a member whose contacts count as proven, unless there is one with this address; a demo's cast."""
    known = User.objects.filter(email=email.lower()).first()
    if known is not None:
        return known
    member = User(email=email, name=name, is_staff=is_staff, is_superuser=is_superuser)
    member.set_phone(phone, verified=phone is not None)
    member.set_password(password)
    member.save()
    EmailAddress.objects.create(user=member, email=member.email, verified=True, primary=True)
    member.groups.set(Group.objects.filter(name__in=list(roles)))
    return register(member=member, documents=documents, origin=Origin(ip=None, browser="demo"), now=now)
