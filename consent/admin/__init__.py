"""Texts at the desk, and what the clock has not managed to delete."""

from consent.admin.documents import DocumentAdmin
from consent.admin.recalls import RecallAdmin
from consent.admin.waiting import waiting

__all__ = ["DocumentAdmin", "RecallAdmin", "waiting"]
