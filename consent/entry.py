"""What one model declares about the people it holds, ready to be counted, told and erased."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import models
from django.db.models import Func, Q, QuerySet

from consent.lookups import Among
from consent.terms import Term
from consent.wording import Words

DELETE, UNLINK = "delete", "unlink"


class new_reference(Func):  # noqa: N801 - reads as a value in a declaration
    """A random reference in place of the member, another one for each row."""

    function = "gen_random_uuid"
    output_field = models.UUIDField()


@dataclass(frozen=True)
class Entry:
    """One model's declaration, ready to be counted and erased."""

    model: type[models.Model]
    clause: str
    purpose: str
    owner: str
    on_close: str | Mapping[str, Any]
    kept: frozenset[str] = frozenset()
    until: Term | None = None
    because: str = ""
    actors: frozenset[str] = frozenset()
    title: str = ""
    collected_with: str = ""
    collected_at: str = ""
    withheld: frozenset[str] = frozenset()
    page: str = ""
    shown: Q = field(default_factory=Q)
    headings: Mapping[str, str] = field(default_factory=dict)
    in_words: Mapping[str, Words] = field(default_factory=dict)
    part_of: "Entry | None" = None  # the kind of row with which these go: a payment stays as long as its order

    @property
    def deletes(self) -> bool:
        return self.on_close == DELETE

    @property
    def unlinks(self) -> bool:
        return self.on_close == UNLINK

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def name(self) -> str:
        return self.title or str(self.model._meta.verbose_name)

    @property
    def kept_for(self) -> str:
        """Say from when and how long a row without a name stays."""
        if self.unlinks:
            return "长期；注销后不再指向任何人"
        if self.part_of:
            return f"随{self.part_of.name}，{self.part_of.kept_for}"
        if self.until is None:
            return ""
        return f"自{self.model._meta.get_field(self.until.field).verbose_name}起 {self.until}"  # type: ignore[union-attr]

    @property
    def until_when(self) -> Term:
        """Tell the term that governs a row, from whichever row's date it runs.

        :raises ValueError: for a kind that has none
        """
        if self.part_of:
            governing = self.part_of.until_when
            return replace(governing, field=f"{self.owned_through}__{governing.field}")
        if self.until is None:
            raise ValueError(self.label)
        return self.until

    @property
    def owned_through(self) -> str:
        """Name the row's own field that its owner is found by."""
        return self.owner.split("__")[0]

    @property
    def path_to_member_id(self) -> str:
        return "pk" if self.owner == "pk" else f"{self.owner}__pk"

    def rows(self, member_ids: Iterable[int] | Among) -> QuerySet[Any]:
        ids = member_ids if isinstance(member_ids, Among) else Among(member_ids)
        return self.model._base_manager.filter(**{f"{self.path_to_member_id}__among": ids})

    def shown_rows(self, member_ids: Iterable[int] | Among) -> QuerySet[Any]:
        """Keep the rows that their members are told of; erasing asks for all of them."""
        return self.rows(member_ids).filter(self.shown)
