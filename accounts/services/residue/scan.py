"""What a search for traces has looked at, and what it has found: places and numbers, never a text."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Places = Counter[str]


class Unsearchable(Exception):
    """The search itself failed: it says nothing of anybody. Names the kind of the error, never its text."""


def _of_each() -> dict[int, Places]:
    return defaultdict(Counter)


@dataclass
class Scan:
    """One search for the traces of a batch of members; what it found, by whose it is and by place."""

    tables: int = 0
    columns: int = 0
    files: int = 0
    keys: int = 0  # of Redis
    found: dict[int, Places] = field(default_factory=_of_each)
    names: dict[int, Places] = field(default_factory=_of_each)  # where somebody is called like one of them

    def note(self, owners: Iterable[int], place: str) -> None:
        for owner in owners:
            self.found[owner][place] += 1

    def note_names(self, owners: Iterable[int], place: str) -> None:
        for owner in owners:
            self.names[owner][place] += 1

    def beyond(self, decided: Mapping[int, Mapping[str, int]]) -> dict[int, Places]:
        """Keep the places where more was found than somebody has `decided` may stay, and of whom there are any."""
        more = {owner: _more(places, decided.get(owner, {})) for owner, places in self.found.items()}
        return {owner: places for owner, places in more.items() if places}


def _more(places: Places, decided: Mapping[str, int]) -> Places:
    return Counter({place: n for place, n in places.items() if n > decided.get(place, 0)})


def shown(places: Mapping[str, int]) -> str:
    return ", ".join(f"{place}×{n}" for place, n in sorted(places.items()))
