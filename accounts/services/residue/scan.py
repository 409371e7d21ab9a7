"""What a search for traces has looked at, and what it has found: places and numbers, never a text."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Places = Counter[str]


class Residue(Exception):
    """Something of a member is left; says where and how often, never what.

    `left` and `undecided` tell of each member by number; without them nobody knows whose it is.
    """

    def __init__(
        self, where: str, *, left: Mapping[int, Places] | None = None, undecided: Mapping[int, Places] | None = None
    ) -> None:
        super().__init__(where)
        self.left, self.undecided = left or {}, undecided or {}


def _of_each() -> dict[int, Places]:
    return defaultdict(Counter)


@dataclass
class Scan:
    """One search for the traces of a batch of members."""

    tables: int = 0
    columns: int = 0
    files: int = 0
    keys: int = 0  # of Redis
    left: dict[int, Places] = field(default_factory=_of_each)  # of ours, by member and place
    others: dict[int, Places] = field(default_factory=_of_each)  # in what other people said or wrote
    names: Places = field(default_factory=Counter)  # where somebody is called like one of them

    def note(self, owners: Iterable[int], place: str, *, is_others: bool = False) -> None:
        found = self.others if is_others else self.left
        for owner in owners:
            found[owner][place] += 1

    def settle(self, decided: Mapping[int, Mapping[str, int]]) -> None:
        """Make sure that nothing of ours is left, and nothing of others' but what was decided to stay.

        :raises Residue: with the places, of each member
        """
        undecided = {owner: _beyond(places, decided.get(owner, {})) for owner, places in self.others.items()}
        undecided = {owner: places for owner, places in undecided.items() if places}
        if self.left or undecided:
            everything = sum([*self.left.values(), *undecided.values()], Counter[str]())
            raise Residue(shown(everything), left=dict(self.left), undecided=undecided)


def _beyond(places: Places, decided: Mapping[str, int]) -> Places:
    """Keep the places where more was found than somebody has decided about."""
    return Counter({place: n for place, n in places.items() if n > decided.get(place, 0)})


def shown(places: Mapping[str, int]) -> str:
    return ", ".join(f"{place}×{n}" for place, n in sorted(places.items()))
