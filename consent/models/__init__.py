from consent.models.consenting import Consenting
from consent.models.documents import NOTICE, Decision, Document
from consent.models.permissions import ERASED_WITHIN, NOT_ASKED_AGAIN, Permission, Recall
from consent.models.record import GATE_REMEMBERED, Acceptance, Evidence, Link

__all__ = [
    "ERASED_WITHIN",
    "GATE_REMEMBERED",
    "NOTICE",
    "NOT_ASKED_AGAIN",
    "Acceptance",
    "Consenting",
    "Decision",
    "Document",
    "Evidence",
    "Link",
    "Permission",
    "Recall",
]
