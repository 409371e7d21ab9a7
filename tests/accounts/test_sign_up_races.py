"""A sign-up that is being proven at this very moment is not swept away."""

from datetime import timedelta
from threading import Event, Thread

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction

from accounts import services
from accounts.models import User
from tests.factories import make_member

pytestmark = pytest.mark.django_db(transaction=True)


def prove_number(member: User) -> None:
    User.objects.filter(pk=member.pk).update(phone_verified=True)


def prove_address(member: User) -> None:
    EmailAddress.objects.filter(user=member).update(verified=True)


class Proving:
    """Somebody whose code has been accepted and whose request has not ended yet."""

    def __init__(self, prove, member: User) -> None:
        self.entered, self.swept = Event(), Event()
        self.thread = Thread(target=self._run, args=[prove, member])

    def _run(self, prove, member: User) -> None:
        try:
            with transaction.atomic():
                prove(member)
                self.entered.set()
                self.swept.wait(10)
        finally:
            connection.close()

    def __enter__(self) -> None:
        self.thread.start()
        assert self.entered.wait(10)

    def __exit__(self, *_: object) -> None:
        self.swept.set()
        self.thread.join()


@pytest.mark.parametrize("prove", [prove_number, prove_address])
@pytest.mark.parametrize("sweep", ["by_age", "by_address"])
def test_who_enters_the_code_in_the_moment_of_the_sweep_stays(now, prove, sweep):
    member = make_member(date_joined=now - timedelta(days=8))
    EmailAddress.objects.create(user=member, email=member.email, verified=False)
    stale = make_member(date_joined=now - timedelta(days=8))
    EmailAddress.objects.create(user=stale, email=stale.email, verified=False)
    member.set_phone("+8613800138000", verified=False)
    member.save()
    with Proving(prove, member):
        for who in (member, stale):
            if sweep == "by_address":
                services.drop_unproven_claims(email=who.email)
        if sweep == "by_age":
            assert services.drop_unproven_members(now=now) == 1
    assert list(User.objects.all()) == [member]
    services.drop_unproven_members(now=now)
    assert list(User.objects.all()) == [member]
