"""Shortens a JSON value so that it stays one of its kind, and says what was left out.

Only what may be longer or shorter is cut: lists, long texts, maps of very many entries. Keys of a record stay, so a
value that fitted a schema with defaults still fits it. Every list and text gets the same room, so the longest give way
first; within a list the least useful go first: what is well before what is not, then the oldest, or the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codenb.models import estimate_tokens

_TEXT_PART = 8  # a text gets an eighth of a list's room, so that ten logs are shortened before nine are dropped
_FLOOR_TEXT = 400
_FLOOR_ENTRIES = 64  # what has more keys is a map, not a record
_ITEM_OVERHEAD = 4
_MOST_NOTES = 30  # more than any of our own answers has places to cut

_TIMES = ("revision", "last_at", "last_seen", "lastTimestamp", "last_timestamp", "timestamp", "time", "at")
_LINES = frozenset({"lines", "log", "logs", "tail", "output"})
_WORDS = ("type", "severity", "level", "phase", "status", "state", "health")
_BAD_WORDS = frozenset(
    {"warning", "warn", "medium", "high", "critical", "error", "fatal", "failed", "failing", "failure", "firing"}
    | {"degraded", "unhealthy", "down", "pending", "lost", "unknown", "evicted", "notready", "outofsync"}
)
_COUNTS = ("restarts", "failed", "not_ready", "errors")


@dataclass
class _Ledger:
    """What one pass left out, by path: how many of how many, and how it was chosen."""

    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    total: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, path: str, how: str, dropped: int, total: int) -> None:
        self.dropped[path, how] += dropped
        self.total[path, how] += total

    def add(self, other: _Ledger) -> None:
        self.dropped.update(other.dropped)
        self.total.update(other.total)

    def words(self) -> str:
        ranked = sorted(self.dropped.items(), key=lambda entry: (-entry[1], entry[0]))
        said = [f"{key[0]}: {count:,} of {self.total[key]:,} {key[1]}" for key, count in ranked[:_MOST_NOTES]]
        more = len(ranked) - _MOST_NOTES
        return "; ".join([*said, *([f"and {more} more places"] if more > 0 else [])])


def shrink(data: Any, tokens: int) -> tuple[Any, str]:
    """Shorten a value until it has at most so many tokens, or cannot be shortened further.

    Args:
        data: JSON value.
        tokens: Room, estimated as `estimate_tokens` does.

    Returns:
        The value, and in words what was left out; the same value and an empty text when it fits.
    """
    if estimate_tokens(data) <= tokens:
        return data, ""
    low, high = 0, _size(data)
    best = _capped(data, low)
    # Halving, not stepping: a value of megabytes is gone through about twice, not once a step.
    while high - low > 1:
        middle = (low + high) // 2
        tried = _capped(data, middle)
        if estimate_tokens(tried[0]) <= tokens:
            low, best = middle, tried
        else:
            high = middle
    value, ledger = best
    return value, ledger.words()


def _capped(data: Any, room: int) -> tuple[Any, _Ledger]:
    ledger = _Ledger()
    return _cut(data, room, "", ledger), ledger


def _cut(value: Any, room: int, path: str, ledger: _Ledger) -> Any:
    if isinstance(value, str):
        return _shortened(value, max(_FLOOR_TEXT, room // _TEXT_PART), path or "text", ledger)
    if isinstance(value, Mapping):
        entries = {key: _cut(item, room, f"{path}.{key}" if path else str(key), ledger) for key, item in value.items()}
        return _fewer(entries, room, path or "entries", ledger) if len(entries) > _FLOOR_ENTRIES else entries
    if isinstance(value, Sequence):
        return _selected(value, room, path, ledger)
    return value


def _selected(items: Sequence[Any], room: int, path: str, ledger: _Ledger) -> list[Any]:
    """As many of a list as fit, most useful first, in the order they had; one stays in any case."""
    ledgers = [_Ledger() for _ in items]  # one each: what is dropped whole is not listed in its parts
    cut = [_cut(item, room, f"{path}[]", own) for item, own in zip(items, ledgers, strict=True)]
    order, how = _by_use(items, path)
    kept: set[int] = set()
    used = 0
    for at in order:
        used += _size(cut[at])
        if kept and used > room:
            break
        kept.add(at)
    if len(kept) < len(items):
        ledger.note(path or "list", how, len(items) - len(kept), len(items))
    for at in sorted(kept):
        ledger.add(ledgers[at])
    return [cut[at] for at in sorted(kept)]


def _by_use(items: Sequence[Any], path: str) -> tuple[list[int], str]:
    """Indices, most useful first, and the words for what goes first."""
    last = path.rpartition(".")[2].removesuffix("[]")
    if last in _LINES and all(isinstance(item, str) for item in items):
        return list(range(len(items)))[::-1], "left out, earliest first"
    bad = [isinstance(item, Mapping) and _alarming(item) for item in items]
    when = [_when(item) for item in items]
    calm = "what is well and " if any(bad) else ""
    if all(moment is not None for moment in when):
        newest_first = sorted(range(len(items)), key=lambda at: (when[at], at), reverse=True)
        return sorted(newest_first, key=lambda at: not bad[at]), f"left out, {calm}oldest first"
    return sorted(range(len(items)), key=lambda at: not bad[at]), f"left out, {calm}last in the list first"


def _alarming(item: Mapping[str, Any]) -> bool:
    """Whether a record says of itself that something is wrong with it."""
    if any(str(item.get(key, "")).lower() in _BAD_WORDS for key in _WORDS):
        return True
    if item.get("ready") is False or any(_number(item.get(key)) > 0 for key in _COUNTS):
        return True
    return "ready" in item and _number(item.get("desired")) > _number(item.get("ready"))


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _when(item: Any) -> tuple[float, str] | None:
    """What a record can be ordered by in time: a revision or a time as RFC 3339 or seconds."""
    if not isinstance(item, Mapping):
        return None
    for key in _TIMES:
        value = item.get(key)
        if isinstance(value, str) and value:
            return 0.0, value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value), ""
    return None


def _shortened(text: str, room: int, path: str, ledger: _Ledger) -> str:
    """The last lines that fit; of a single line, its beginning."""
    if len(text) <= room:
        return text
    lines = text.splitlines()
    kept, used = 0, 0
    for line in reversed(lines):
        used += len(line) + 1
        if kept and used > room:
            break
        kept += 1
    if kept < len(lines):
        ledger.note(path, "lines left out, earliest first", len(lines) - kept, len(lines))
    shown = "\n".join(lines[len(lines) - kept :])
    if len(shown) > room:
        ledger.note(path, "characters left out, from the end", len(shown) - room, len(shown))
    return shown[:room]


def _fewer(entries: dict[str, Any], room: int, path: str, ledger: _Ledger) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    used = 0
    for key, item in entries.items():
        used += len(key) + _size(item)
        if len(kept) >= _FLOOR_ENTRIES and used > room:
            break
        kept[key] = item
    if len(kept) < len(entries):
        ledger.note(path, "entries left out, last first", len(entries) - len(kept), len(entries))
    return kept


def _size(value: Any) -> int:
    """Characters, about: what decides who gives way, not whether it fits."""
    if isinstance(value, str):
        return len(value) + _ITEM_OVERHEAD
    if isinstance(value, Mapping):
        return sum(len(str(key)) + _size(item) for key, item in value.items()) + _ITEM_OVERHEAD
    if isinstance(value, Sequence):
        return sum(_size(item) for item in value) + _ITEM_OVERHEAD
    return len(str(value)) + _ITEM_OVERHEAD
