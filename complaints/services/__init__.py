"""What can happen to a case: a person asks, staff answer, the clock watches the promise."""

from complaints.services.asking import (
    AlreadySaid,
    CaseClosed,
    Contact,
    Opened,
    ThreadMovedOn,
    open_case,
    reply,
)
from complaints.services.attaching import Attached, TooManyPictures, remove_picture
from complaints.services.clock import alarm_overdue_cases, remind_due_cases
from complaints.services.desk import (
    AlreadyClaimed,
    NotEntitled,
    OwnCase,
    SomebodyElsesCase,
    answer,
    claim_case,
    close_case,
    colleagues,
    hand_over,
)

__all__ = [
    "AlreadyClaimed",
    "AlreadySaid",
    "Attached",
    "CaseClosed",
    "Contact",
    "NotEntitled",
    "Opened",
    "OwnCase",
    "SomebodyElsesCase",
    "ThreadMovedOn",
    "TooManyPictures",
    "alarm_overdue_cases",
    "answer",
    "claim_case",
    "close_case",
    "colleagues",
    "hand_over",
    "open_case",
    "remind_due_cases",
    "remove_picture",
    "reply",
]
