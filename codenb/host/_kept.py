"""Answers that are kept: bounded in number and in bytes, each for its own time.

An answer is kept in the interpreter's own encoding (`marshal`). So what it takes is known exactly, and everybody who
gets it gets one of their own: what a notebook does to the data it was given reaches nobody else. Decoding it costs a
third of parsing the same as JSON. The encoding is private to the interpreter and never leaves the process.
"""

from __future__ import annotations

import marshal
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from codenb.host._results import contents
from codenb.models.result import ToolResult

if TYPE_CHECKING:
    from codenb.config import CacheLimits


class Key(NamedTuple):
    """What makes two calls the same call.

    Attributes:
        principal: Who calls: two who may see different things never get each other's answers.
        server: Name of the server.
        tool: Name of the tool.
        arguments: In their canonical form.
    """

    principal: str
    server: str
    tool: str
    arguments: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.arguments) + sum(len(name.encode(errors="replace")) for name in self[:3])


@dataclass(frozen=True, slots=True)
class Packed:
    """One answer, encoded.

    Attributes:
        encoded: Its data and the whole protocol result.
        wire_bytes: Its size as it was sent.
    """

    encoded: bytes
    wire_bytes: int

    @classmethod
    def of(cls, result: ToolResult, wire_bytes: int) -> Packed | None:
        """Encode an answer.

        Returns:
            None where it cannot be, such as one that is nested deeper than anybody means.
        """
        data, structured = result.data, result.raw.get("structuredContent")
        if structured == data:  # nearly always, and then it is encoded, kept and decoded once
            data = structured
        elif isinstance(structured, dict) and structured == {"result": data}:
            data = structured["result"]
        try:
            return cls(marshal.dumps((data, result.raw)), wire_bytes)
        except ValueError:
            return None

    def result(self, key: Key, *, duration_ms: float, age_s: float = 0.0, stale: bool = False) -> ToolResult:
        """The answer anew, for one caller; what is in it was checked when it came.

        Args:
            key: What it answers.
            duration_ms: How long this caller waited.
            age_s: How long it has been kept, in seconds.
            stale: Whether it has been kept for longer than it should serve.
        """
        data, raw = marshal.loads(self.encoded)  # noqa: S302  encoded above, by this process
        return ToolResult.model_construct(
            server=key.server,
            tool=key.tool,
            data=data,
            content=contents(raw["content"]),
            raw=raw,
            duration_ms=duration_ms,
            age_s=age_s,
            stale=stale,
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    packed: Packed
    asked_at: float
    at: float
    ttl_s: float
    size: int


class Found(NamedTuple):
    """What is kept for a key.

    Attributes:
        packed: The answer.
        age_s: How long it has been kept.
        stale: Whether that is longer than it should serve.
    """

    packed: Packed
    age_s: float
    stale: bool


class Kept:
    """The store; the answer that was used least lately goes first.

    Attributes:
        bytes: What all answers and their keys take.
    """

    def __init__(self, limits: CacheLimits, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare.

        Args:
            limits: How much is kept.
            clock: Seconds, of a clock that nobody sets.
        """
        self._limits = limits
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def now(self) -> float:
        """The store's own time, in seconds."""
        return self._clock()

    def find(self, key: Key) -> Found | None:
        """What is kept for a key; one that is too old for anything is dropped."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age_s = self._clock() - entry.at
        if age_s >= entry.ttl_s + self._limits.stale_while_error_s:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return Found(entry.packed, age_s, stale=age_s >= entry.ttl_s)

    def put(self, key: Key, packed: Packed, *, ttl_s: float, asked_at: float) -> None:
        """Keep an answer, unless one is kept that was asked for later.

        Args:
            key: What it answers.
            packed: The answer; one larger than all may be together is not kept.
            ttl_s: How long it may serve from now on.
            asked_at: When it was asked for, in the store's own time.
        """
        before = self._entries.get(key)
        if before is not None:
            if before.asked_at > asked_at:
                return
            self._drop(key)
        size = key.size + len(packed.encoded)
        if size > self._limits.bytes or not self._limits.entries:
            return
        self._entries[key] = _Entry(packed, asked_at, self._clock(), ttl_s, size)
        self.bytes += size
        while len(self._entries) > self._limits.entries or self.bytes > self._limits.bytes:
            self._drop(next(iter(self._entries)))

    def clear(self, server: str | None = None) -> None:
        """Drop the answers of one server, or all."""
        for key in [key for key in self._entries if server is None or key.server == server]:
            self._drop(key)

    def by_server(self) -> dict[str, tuple[int, int]]:
        """How many answers of each server are kept, and their bytes."""
        found: dict[str, tuple[int, int]] = {}
        for key, entry in self._entries.items():
            count, size = found.get(key.server, (0, 0))
            found[key.server] = (count + 1, size + entry.size)
        return found

    def _drop(self, key: Key) -> None:
        self.bytes -= self._entries.pop(key).size
