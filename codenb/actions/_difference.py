"""What is different now, in lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codenb.models import ContextBundle

_MOST_LINES = 40
_LONGEST = 80
_NAMES = ("name", "id", "uid", "key")
_ABSENT = object()


def difference(before: Any, after: Any) -> tuple[str, ...]:
    """Compare two answers, or two bundles by what their servers hold for the most important facts.

    Args:
        before: JSON value or bundle; None where there was none.
        after: Likewise.

    Returns:
        Lines such as `kubernetes.pods ready: 1 of 3 -> 3 of 3`; at most 40, the last of which then says how many more.
    """
    lines = list(_compare(_facts(before), _facts(after), ""))
    if len(lines) > _MOST_LINES:
        more = len(lines) - _MOST_LINES + 1
        lines = [*lines[: _MOST_LINES - 1], f"and {more:,} more"]
    return tuple(lines)


def _facts(value: Any) -> Any:
    if not isinstance(value, ContextBundle):
        return value
    return {item.server: dict(item.summary) or {"status": item.status} for item in value.items}


def _compare(before: Any, after: Any, path: str) -> Iterator[str]:
    if before == after and isinstance(before, bool) is isinstance(after, bool):
        return
    left, right = _children(before), _children(after)
    if left is None or right is None or isinstance(before, Mapping) is not isinstance(after, Mapping):
        yield f"{path or 'answer'}: {_shown(before)} -> {_shown(after)}"
        return
    for key in dict.fromkeys([*left, *right]):
        yield from _compare(left.get(key, _ABSENT), right.get(key, _ABSENT), f"{path}.{key}" if path else key)


def _children(value: Any) -> dict[str, Any] | None:
    """What is inside, by key; things of a list by their name, so that one more in front moves nothing else."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    for name in _NAMES:
        names = [item.get(name) if isinstance(item, Mapping) else None for item in value]
        if all(isinstance(one, str) for one in names) and len(set(names)) == len(names):
            return {str(key): item for key, item in zip(names, value, strict=True)}
    return {str(at): item for at, item in enumerate(value)}


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "(absent)"
    if isinstance(value, Mapping | list | tuple):
        return f"({'object' if isinstance(value, Mapping) else 'list'} of {len(value)})"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
