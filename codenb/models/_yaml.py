"""JSON values as YAML-like lines: what a person reads in a diff, and what an expert quotes from.

It is written, never read back, so text stays as it came wherever a line can hold it: a quote copied from a message
with quotation marks in it must be found again word for word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_EMPTY = '""'


def as_yaml(value: Any, *, indent: int = 0) -> str:
    """Render a JSON value, two spaces a level, keys in the order they have; text of several lines as a block."""
    return "\n".join(_lines(value, indent))


def as_side(value: Any) -> str:
    """The same as one side of a diff, where nothing is no line."""
    return "" if value is None or value == {} else as_yaml(value)


def _lines(value: Any, indent: int) -> list[str]:
    pad = "  " * indent
    if type(value) is str:  # nearly everything is text, and abstract classes are slow to ask
        return [f"{pad}{value or _EMPTY}"]
    match value:
        case dict() | Mapping() if value:
            return [line for key, item in value.items() for line in _entry(f"{pad}{key}:", item, indent + 1)]
        case Sequence() if value and not isinstance(value, str | bytes):
            return [line for item in value for line in _item(item, indent)]
        case _:
            return [f"{pad}{_scalar(value)}"]


def _entry(head: str, item: Any, indent: int) -> list[str]:
    if isinstance(item, str) and "\n" in item:
        return [f"{head} |", *("  " * indent + line for line in item.splitlines())]
    if isinstance(item, dict | list | tuple | Mapping) and item:
        return [head, *_lines(item, indent)]
    return [f"{head} {_scalar(item)}"]


def _item(item: Any, indent: int) -> list[str]:
    pad = "  " * indent
    if isinstance(item, str) and "\n" in item:
        return [f"{pad}- |", *(f"{pad}    {line}" for line in item.splitlines())]
    first, *rest = _lines(item, indent + 1)
    return [f"{pad}- {first.lstrip()}", *rest]


def _scalar(value: Any) -> str:  # noqa: PLR0911  a table
    if type(value) is str:
        return value or _EMPTY
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Mapping():
            return "{}"
        case str():
            return value or _EMPTY
        case Sequence():
            return "[]"
        case _:
            return str(value)
