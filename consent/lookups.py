"""How rows of many members are asked for, and what points at a row."""

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import Lookup


class Among:
    """`pk__among=Among(ids)`: as `in`, but all values travel as one array, written at once.

    Django takes longer to write thousands of parameters than PostgreSQL to find their rows.
    """

    def __init__(self, values: "Iterable[int] | Iterable[bytes] | Iterable[str]") -> None:
        said = list(values)
        written = map(str, said) if said and isinstance(said[0], int) else map(_quoted, said)
        self.array = f"{{{','.join(written)}}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Among) and self.array == other.array

    def __hash__(self) -> int:
        return hash(self.array)


def _quoted(value: Any) -> str:
    text = f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class IsAmong(Lookup[Any]):
    """Compare a column with every value of an `Among`."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s)", (*params, self.rhs.array)


def pointers(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """List the keys, in any table, that point at this model: those of many-to-many tables and of itself included."""
    relations: list[Any] = model._meta.get_fields(include_hidden=True)
    return [
        relation.field
        for relation in relations
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)
    ]


for kind in (models.AutoField, models.BigAutoField, models.BinaryField, models.CharField):
    kind.register_lookup(IsAmong)
