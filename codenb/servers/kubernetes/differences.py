"""The part of two objects in which they differ, so that a person reads what changes and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def differing(before: Any, after: Any) -> tuple[Any, Any]:
    """What of two JSON values is not the same.

    Objects are compared key by key, lists of named objects (containers, variables, ports) by name; each named object
    that differs keeps its name. Other lists are kept whole where they differ.

    Returns:
        The two values, pruned; None for one that has nothing that the other has not.
    """
    was, will = _differing(before, after)
    return None if was is _ABSENT else was, None if will is _ABSENT else will


def _differing(before: Any, after: Any) -> tuple[Any, Any]:
    if before == after:
        return _ABSENT, _ABSENT
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _by_key(before, after)
    if _named(before) and _named(after):
        old, new = ({str(one["name"]): one for one in side} for side in (before, after))
        was, will = _by_key(old, new)
        return _with_names(was), _with_names(will)
    return before, after


def _by_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Any, Any]:
    was, will = {}, {}
    for key in dict.fromkeys([*before, *after]):
        left, right = _differing(before.get(key, _ABSENT), after.get(key, _ABSENT))
        if left is not _ABSENT:
            was[key] = left
        if right is not _ABSENT:
            will[key] = right
    return was or _ABSENT, will or _ABSENT


def _named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) and "name" in one for one in value)


def _with_names(by_name: Any) -> Any:
    if by_name is _ABSENT:
        return _ABSENT
    return [{"name": name} | dict(one) for name, one in by_name.items()]
