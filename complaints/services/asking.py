"""A person's side: asking, and writing back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from accounts.models import User
from complaints import codes
from complaints.models import Case, hash_of_contact, last_moment_to_answer
from complaints.services import thread
from complaints.services.attaching import Attached, let_in
from complaints.services.thread import AlreadySaid, CaseClosed, ThreadMovedOn
from consent.fields import keyed_hash

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Contact:
    """How a person wants to be reached about this matter; every part may be empty."""

    name: str = ""
    phone: str = ""
    email: str = ""

    def as_fields(self) -> dict[str, Any]:
        """Return it as a case keeps it: sealed, with hashes to find it by."""
        return {
            "contact_name": self.name,
            "contact_phone": self.phone,
            "contact_email": self.email,
            "contact_phone_hash": hash_of_contact(self.phone),
            "contact_email_hash": hash_of_contact(self.email),
        }


@dataclass(frozen=True)
class Opened:
    """A case, and the code that opens it for a person without an account: nobody can tell it again later."""

    case: Case
    claim_code: str | None


@transaction.atomic
def open_case(
    *,
    kind: str,
    subject: str,
    body: str,
    contact: Contact,
    member: User | None,
    form_token: UUID,
    now: datetime,
    attached: Attached | None = None,
) -> Opened:
    """Write down what a person asks, and promise when it will be answered.

    The same words from the same form are the same case, however often and however quickly they are sent; other words
    from it, after going back in the browser, are another case.

    :raises consent.services.NotPermitted: when the permission for the pictures is not open any more
    """
    let_in(attached)
    said = [str(member.pk if member else ""), str(form_token), kind, subject, body]
    submission = "\n".join([*said, *(attached.digests if attached else [])])
    claim_code = None if member else codes.code_of(submission)
    case, is_new = Case.objects.get_or_create(
        submission_hash=keyed_hash(submission, purpose="complaints.submission"),
        defaults={
            "number": codes.new_number(now),
            "kind": kind,
            "member": member,
            "claim_hash": codes.hash_of(claim_code) if claim_code else None,
            "subject": subject,
            **contact.as_fields(),
            "opened_at": now,
            "due_at": last_moment_to_answer(now),
        },
    )
    if is_new:
        thread.add_from_person(case, body=body, now=now, attached=attached)
        log.info("case.opened", case=case.pk, kind=kind)
    return Opened(case, claim_code)


@transaction.atomic
def reply(*, case_id: int, body: str, seen: int, now: datetime, attached: Attached | None = None) -> Case:
    """Add what the person writes back; a case that rested wants an answer again, and the promise begins anew.

    `seen` is the number of entries that the person had before them.

    :raises CaseClosed: when it is closed
    :raises AlreadySaid: when these words are the last ones already, so a repeated click is harmless
    :raises ThreadMovedOn: when something was added meanwhile
    :raises consent.services.NotPermitted: when the permission for the pictures is not open any more
    :raises TooManyPictures: when the case has no room for them
    """
    let_in(attached)
    case = thread.lock(case_id)
    thread.expect(case, seen=seen, voice="person", body=body, attached=attached)
    thread.add_from_person(case, body=body, now=now, attached=attached)
    if case.status == Case.Status.ANSWERED:
        case.status = Case.Status.OPEN
        case.due_at = last_moment_to_answer(now)
        case.reminded_at = case.alarmed_at = None
        case.save(update_fields=["status", "due_at", "reminded_at", "alarmed_at"])
    log.info("case.replied", case=case.pk)
    return case


__all__ = ["AlreadySaid", "CaseClosed", "Contact", "Opened", "ThreadMovedOn", "open_case", "reply"]
