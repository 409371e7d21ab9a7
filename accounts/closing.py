"""What the other apps say and do when a member leaves.

An app with a part in it has a module `closing` with two functions: `consequences(member)` tells what the closing page
must show, `release(member)` pays duties towards the outside. It may have a third, `forget(contacts)`: called while a
batch of members is erased, for rows that bear their numbers or addresses and no key to them; and a fourth,
`traces(member_ids)`: what the app knows them by that must be nowhere afterwards, such as a token; and a fifth,
`bound(member_ids)`: for whom `release` has anything to do; without it every member is asked about. They are found by
name: `accounts` imports no app.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from django.apps import apps
from django.utils.module_loading import module_has_submodule


@dataclass(frozen=True)
class Consequence:
    """One open matter, and what closing the account does to it; it never stands in the way."""

    title: str  # what it is, with its number or amount: "可退款 ¥199.00"
    text: str  # what becomes of it
    url: str = ""  # where it can be settled before
    link: str = ""  # the words of that link
    settle_at: str = ""  # where one click settles it, by POST
    settle: str = ""  # the words of that button


class NotYet(Exception):
    """The outside has not let go of the member yet; ask again later."""


def consequences(member: Any) -> list[Consequence]:
    """List the open matters of every app."""
    said: Iterable[Iterable[Consequence]] = (module.consequences(member) for module in _modules())
    return [consequence for of_one_app in said for consequence in of_one_app]


def bound(member_ids: Collection[int]) -> set[int]:
    """Tell who of these members has to be released: a few queries for all of them."""
    found: set[int] = set()
    for module in _modules():
        found |= set(module.bound(member_ids) if hasattr(module, "bound") else member_ids)
    return found


def release(member: Any) -> None:
    """Let every app end what ties the member to the outside; asked again, it does nothing twice.

    :raises NotYet: when one of them must be asked again
    """
    for module in _modules():
        module.release(member)


def forget(contacts: Collection[str]) -> None:
    """Let every app empty these numbers and addresses in rows that belong to nobody."""
    for module in _modules():
        if hasattr(module, "forget"):
            module.forget(contacts)


def traces(member_ids: Collection[int]) -> dict[int, list[str]]:
    """List, by member's number, what the apps know them by; it lives in memory, or sealed."""
    found: dict[int, list[str]] = {}
    for module in _modules():
        for member_id, tokens in module.traces(member_ids).items() if hasattr(module, "traces") else ():
            found.setdefault(member_id, []).extend(tokens)
    return found


def _modules() -> Iterator[ModuleType]:
    for app in apps.get_app_configs():
        name = f"{app.name}.closing"
        if name != __name__ and app.module is not None and module_has_submodule(app.module, "closing"):
            yield import_module(name)
