"""One table of a configuration file, read key by key, with complaints that name the file and the place in it."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codenb.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table and where it stands; reading a key marks it as known."""

    file: Path
    place: str
    data: dict[str, Any]
    known: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, data: object, file: Path, place: str = "") -> Table:
        """Wrap a value that must be a table."""
        if not isinstance(data, dict):
            raise ConfigError(f"{file}: {place or 'the whole'} is {_kind(data)}, not a table")
        return cls(file, place, data)

    def at(self, key: str) -> str:
        """The place of a key, such as `mcpServers.foo.args`."""
        shown = key if _BARE.fullmatch(key) else json.dumps(key)
        return f"{self.place}.{shown}" if self.place else shown

    def wrong(self, key: str, why: str) -> ConfigError:
        """The error that something is wrong with a key's value."""
        return ConfigError(f"{self.file}: {self.at(key)} {why}")

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        self.known.add(key)
        return key in self.data

    def table(self, key: str) -> Table:
        """A table; empty when the key is not there."""
        return Table.of(self.data[key] if self.has(key) else {}, self.file, self.at(key))

    def tables(self, key: str) -> list[Table]:
        """A list of tables; empty when the key is not there."""
        return [Table.of(item, self.file, f"{self.at(key)}[{at}]") for at, item in enumerate(self._list(key))]

    def text(self, key: str, default: str = "") -> str:
        """A text without control characters that no program or protocol could take."""
        return self._text(self.data[key], self.at(key)) if self.has(key) else default

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty when the key is not there."""
        return [self._text(item, f"{self.at(key)}[{at}]") for at, item in enumerate(self._list(key))]

    def text_map(self, key: str) -> dict[str, str]:
        """A table of texts; empty when the key is not there."""
        inner = self.table(key)
        return {name: inner.text(name) for name in inner.data}

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.data[key] if self.has(key) else default
        if not isinstance(value, bool):
            raise self.wrong(key, f"is {_kind(value)}, not true or false")
        return value

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """A number within bounds, both inclusive."""
        value = self.data[key] if self.has(key) else default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"is {_kind(value)}, not a number")
        if not math.isfinite(value) or not low <= value <= high:
            raise self.wrong(
                key, f"is {value:g}, not between {low:g} and {high:g}" if _small(value) else "is too large"
            )
        return float(value)

    def whole(self, key: str, default: int, *, low: int, high: int) -> int:
        """A whole number within bounds, both inclusive."""
        value = self.number(key, default, low=low, high=high)
        if not value.is_integer():
            raise self.wrong(key, f"is {value:g}, not a whole number")
        return int(value)

    def one_of(self, key: str, choices: Iterable[str], default: str) -> str:
        """One of the given texts."""
        value = self.text(key, default)
        if value not in (allowed := tuple(choices)):
            raise self.wrong(key, f"is {value!r}, not one of {', '.join(allowed)}")
        return value

    def unknown(self) -> Iterator[str]:
        """The keys that nobody has read."""
        return (key for key in self.data if key not in self.known)

    def done(self) -> None:
        """Complain about the first key that nobody has read."""
        for key in self.unknown():
            raise self.wrong(key, f"is not a setting: {nearest(key, self.known)}")

    def _list(self, key: str) -> list[Any]:
        value = self.data[key] if self.has(key) else []
        if not isinstance(value, list):
            raise self.wrong(key, f"is {_kind(value)}, not a list")
        return value

    def _text(self, value: object, place: str) -> str:
        if not isinstance(value, str):
            raise ConfigError(f"{self.file}: {place} is {_kind(value)}, not text")
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise ConfigError(f"{self.file}: {place} holds a character that no program can take (NUL or half a pair)")
        return value


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a misspelt name."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}"


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), f"a {type(value).__name__}")


def _small(value: float) -> bool:
    return abs(value) < 10**300
