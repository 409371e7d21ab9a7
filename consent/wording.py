"""Saying in Chinese what a column holds as codes or as JSON; a declaration's `in_words` is made of these."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language_info

Words = Callable[[Any], str]


def plainly(value: Any) -> str:
    """Say a value that is no code."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y年%m月%d日 %H:%M}"
    if isinstance(value, Mapping):
        return pairs()(value)
    if isinstance(value, list | tuple):
        return several(plainly)(value)
    return "" if value is None else str(value)


def one_of(names: Mapping[Any, Any], otherwise: str = "{}") -> Words:
    """Say a code by its name; one without a name is put into `otherwise`."""

    def say(code: Any) -> str:
        return str(names.get(code, otherwise.format(code))) if isinstance(code, str) else plainly(code)

    return say


def several(words: Words) -> Words:
    """Say each of a list."""

    def say(values: Any) -> str:
        return "、".join(map(words, values)) if isinstance(values, list | tuple) else plainly(values)

    return say


def pairs(keys: Words = plainly, values: Words = plainly) -> Words:
    """Say what a mapping holds."""

    def say(held: Any) -> str:
        if not isinstance(held, Mapping):
            return plainly(held)
        return "；".join(f"{keys(key)}：{values(value)}" for key, value in held.items())

    return say


def moment(said: Any) -> str:
    """Say a moment that was written as ISO 8601."""
    return plainly(parse_datetime(said) or said) if isinstance(said, str) else plainly(said)


def language(tag: str) -> str:
    """Say the name of a language such as zh-CN."""
    try:
        return str(get_language_info(tag.lower())["name_translated"])
    except KeyError:
        return tag
