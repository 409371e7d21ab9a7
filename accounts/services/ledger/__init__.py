"""The ledger, outside the database: a restored backup that brings somebody back is noticed and mended.

The database is the truth: what must not be undone leaves a row in its own transaction, and the clock appends it to the
file of its month, flushed to the disk. The files are only ahead of the database when that was restored from a backup. A
line holds a place, hashes under a key, the steps that were done and the receipt, which names nobody; never an
identifier. Files and rows go when no backup is left that could undo anything.

Neither side is believed alone. What a row says and no file has is appended anew; what neither explains, a month's file
that is gone, or a line that nobody can read, is damage: then nobody can know who must not be there.
"""

from accounts.services.ledger.comparing import Comparison, compare, missing
from accounts.services.ledger.files import LedgerDamaged, lines
from accounts.services.ledger.line import Line
from accounts.services.ledger.rows import (
    entries,
    forget_messages,
    forget_outdated,
    note_receipts,
    note_withdrawal,
    outdated,
    record,
)
from accounts.services.ledger.writing import LedgerBusy, rebuild, write

__all__ = [
    "Comparison",
    "LedgerBusy",
    "LedgerDamaged",
    "Line",
    "compare",
    "entries",
    "forget_messages",
    "forget_outdated",
    "lines",
    "missing",
    "note_receipts",
    "note_withdrawal",
    "outdated",
    "rebuild",
    "record",
    "write",
]
