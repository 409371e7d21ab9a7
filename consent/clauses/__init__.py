"""Two versions of a text, clause by clause."""

from consent.clauses.comparing import Clause, ComparedClause, compare, split

__all__ = ["Clause", "ComparedClause", "compare", "split"]
