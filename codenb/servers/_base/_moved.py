"""What moved between an approval and the moment it was to be carried out, in a few words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any

from codenb.models.preview import Preview

_SHOWN = 4
_VALUE_CHARS = 80
_MISSING = object()


def what_moved(approved: Preview, now: Preview) -> str:
    """Name the fields that differ; both previews are redacted, so their values may be shown."""
    old = {"place": approved.place.identity, "before": approved.change.before, "after": approved.change.after}
    new = {"place": now.place.identity, "before": now.change.before, "after": now.change.after}
    moved = list(islice(_differences(old, new, ""), _SHOWN + 1))
    more = ["and more"] if len(moved) > _SHOWN else []
    return ", ".join([*moved[:_SHOWN], *more]) or "a value that is not shown"


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(old.get(key, _MISSING), new.get(key, _MISSING), inner)
    elif isinstance(old, list) and isinstance(new, list):
        for at, (one, other) in enumerate(zip_longest(old, new, fillvalue=_MISSING)):
            yield from _differences(one, other, f"{path}[{at}]")
    elif old != new:
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    text = "nothing" if value is _MISSING else repr(value)
    return text if len(text) <= _VALUE_CHARS else f"{text[:_VALUE_CHARS]}..."
