"""Telling others about a member: one person proposes, another approves, and the member can read it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from accounts.models import Disclosure, User
from accounts.services import residue
from consent.lookups import Among

IN_WORDS = ("recipient", "purpose", "legal_basis", "kinds")
MAY_APPROVE = "accounts.approve_disclosure"
log = structlog.get_logger(__name__)


class AlreadyApproved(Exception):
    """It was approved before, or its member has left."""


class OwnProposal(Exception):
    """Nobody approves what they have proposed, or what is about themselves."""


def says_who(disclosure: Disclosure) -> list[str]:
    """Name the fields in which the member stands by name, number or address: no line of it can be changed later."""
    if disclosure.member is None:
        return []
    traces = residue.Traces([disclosure.member])
    return [name for name in IN_WORDS if residue.says_who(traces, getattr(disclosure, name))]


def propose_disclosure(*, disclosure: Disclosure, by: User, now: datetime) -> Disclosure:
    """Write down what is to be told, and wait for somebody else."""
    disclosure.proposed_by, disclosure.at = by, now
    disclosure.save()
    log.info("disclosure.proposed", disclosure=disclosure.pk)
    return disclosure


def drop_proposals(*, member_ids: Iterable[int]) -> int:
    """Forget what nobody approved while these members were here: it cannot be approved any more."""
    return Disclosure.objects.proposed().filter(member__pk__among=Among(member_ids)).delete()[0]


@transaction.atomic
def approve_disclosure(*, disclosure_id: Any, by: User, now: datetime) -> Disclosure:
    """Let a disclosure be carried out.

    :raises OwnProposal: when they proposed it themselves, or it is about them
    :raises AlreadyApproved: when it was approved before, or its member has left meanwhile
    """
    disclosure = Disclosure.objects.select_for_update().get(pk=disclosure_id)
    if not disclosure.is_open or disclosure.member_id is None:
        raise AlreadyApproved
    if by.pk in (disclosure.proposed_by_id, disclosure.member_id):
        raise OwnProposal
    disclosure.approve(by=by, now=now)
    log.info("disclosure.approved", disclosure=disclosure.pk)
    return disclosure
