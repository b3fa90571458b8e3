"""Answers that serve more than one call.

Only what is known to change nothing is kept or shared, for its own time (see `_lifetime`) and for the same principal.
Errors never are. A change drops everything: nobody but the cluster knows how far it reaches (a rollout starts pods,
raises alerts, moves costs), changes are few, and asking once more costs less than one decision on an old answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from codenb.errors import ConnectFailed, ConnectionLost, DeadlineExceeded, ServerError, Unavailable
from codenb.host._flight import Shared, SingleFlight, Waiting
from codenb.host._kept import Found, Kept, Key, Packed
from codenb.host._lifetime import LIVE_S
from codenb.views import Block, Field, Shown, Table, View

if TYPE_CHECKING:
    from codenb.config import CacheLimits
    from codenb.host._records import Entry
    from codenb.models.result import ToolResult

_LONG = 256 * 1024
_AWAY = (ConnectFailed, ConnectionLost, DeadlineExceeded, Unavailable)

_How = Literal["hit", "joined", "miss"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one call brought: the first caller's own result, and the same encoded for all others."""

    result: ToolResult
    packed: Packed | None


class Cache(Shown):
    """What is kept of earlier answers, and how often it served. `clear()` forgets it."""

    def __init__(self, limits: CacheLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._kept = Kept(limits, clock)
        self._flights: SingleFlight[_Answer] = SingleFlight()
        self._generation = 0
        self._generations: Counter[str] = Counter()
        self._unsettled_until = 0.0
        self._counts: dict[str, Counter[_How]] = {}

    @property
    def entries(self) -> int:
        """How many answers are kept."""
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """What they take in memory, with what they answer."""
        return self._kept.bytes

    @property
    def hit_rate(self) -> float | None:
        """Which part of the calls that may be served again asked no server, from 0 to 1; None before the first."""
        return _rate(sum(self._counts.values(), Counter()))

    def clear(self, server: str | None = None) -> None:
        """Forget the answers of one server, or all; what is under way is answered, and not kept.

        Args:
            server: Its name; one of which nothing is kept is no error.
        """
        if server is None:
            self._generation += 1
        else:
            self._generations[server] += 1
        self._kept.clear(server)

    def changed(self, *, settling_s: float = 0.0) -> None:
        """Something was changed, or may have been: what is kept is of the time before.

        Args:
            settling_s: For how long the change may still be going on; nothing is kept for long meanwhile.
        """
        self.clear()
        self._unsettled_until = max(self._unsettled_until, self._kept.now() + settling_s)

    async def found(self, entry: Entry, key: Key) -> ToolResult | None:
        """An answer that is kept and may still serve."""
        if entry.fresh:
            return None
        started = time.perf_counter()
        found = self._kept.find(key)
        if found is None or found.stale:
            return None
        self._count(entry, key, "hit")
        entry.attempts = 0
        await asyncio.sleep(0)  # who asks in a loop must not keep everybody else waiting
        return await self._given(entry, key, found, started)

    async def answer(
        self,
        entry: Entry,
        key: Key,
        ttl_s: float,
        waiting: Waiting,
        ask: Callable[[Shared], Awaitable[ToolResult]],
    ) -> ToolResult:
        """Ask a server, or wait for whoever asks it the same.

        Args:
            entry: The call's record; a fresh one passes by what is kept, and renews it.
            key: What is asked.
            ttl_s: For how long the answer may serve, in seconds; 0 is for nobody else and not at all.
            waiting: The caller.
            ask: Asks the server; it may outlive this caller where others wait.

        Raises:
            CodenbError: What `ask` raised; it is not kept.
        """
        generation = self._generation_of(key.server)

        async def asked(shared: Shared) -> _Answer:
            asked_at = self._kept.now()
            result = await ask(shared)
            packed = await self._packed(result, entry.bytes) if ttl_s else None
            now = self._kept.now()
            if packed is not None and generation == self._generation_of(key.server):
                short = now < self._unsettled_until
                self._kept.put(key, packed, ttl_s=min(ttl_s, LIVE_S) if short else ttl_s, asked_at=asked_at)
            return _Answer(result, packed)

        if entry.fresh or not ttl_s:
            return (await asked(Shared(waiting))).result
        if (found := await self.found(entry, key)) is not None:  # somebody else's answer came meanwhile
            return found
        flight = (key, generation)
        started = time.perf_counter()
        joins = self._flights.running(flight)
        self._count(entry, key, "joined" if joins else "miss")
        answer = await self._flights.join(flight, waiting, asked)
        if not joins:
            return answer.result
        entry.attempts = 0
        if answer.packed is None:
            return answer.result.model_copy(deep=True)
        return await self._given(entry, key, Found(answer.packed, 0.0, stale=False), started)

    async def instead(self, entry: Entry, key: Key, error: ServerError) -> ToolResult | None:
        """An older answer in place of an error, where that is wished for and the server could not be asked."""
        if entry.fresh or not (isinstance(error, _AWAY) or error.transient):
            return None
        found = self._kept.find(key)
        if found is None:
            return None
        entry.stale_s = found.age_s
        entry.note = f"answered from {found.age_s:.0f} s before, in place of {type(error).__name__}: {error}"
        return await self._given(entry, key, Found(found.packed, found.age_s, stale=True), time.perf_counter())

    def to_dict(self) -> dict[str, Any]:
        """The numbers, in all and by server, as JSON data."""
        kept = self._kept.by_server()
        servers = {
            name: {
                "entries": kept.get(name, (0, 0))[0],
                "bytes": kept.get(name, (0, 0))[1],
                **{how: counts[how] for how in ("hit", "joined", "miss")},
                "hit_rate": _rate(counts),
            }
            for name, counts in self._counts.items()
        }
        return {"entries": self.entries, "bytes": self.bytes, "hit_rate": self.hit_rate, "servers": servers}

    def view(self) -> View:
        """What is kept, and how often it served."""
        numbers = self.to_dict()
        rows = [
            (name, of["entries"], of["bytes"], of["hit"], of["joined"], of["miss"], _percent(of["hit_rate"]))
            for name, of in numbers["servers"].items()
        ]
        blocks: list[Block] = [
            Field("kept", f"{self.entries:,} of at most {self._limits.entries:,} answers"),
            Field("memory", f"{self.bytes:,} of at most {self._limits.bytes:,} bytes"),
            Field("asked no server", _percent(self.hit_rate) or "nothing was asked yet"),
        ]
        if rows:
            blocks.append(Table(["server", "kept", "bytes", "hit", "joined", "miss", "asked no server"], rows))
        return View(title=f"cache of {self.entries:,} answer{'s' * (self.entries != 1)}", blocks=blocks)

    def __repr__(self) -> str:
        return f"<{self.view().title}>"

    def _generation_of(self, server: str) -> tuple[int, int]:
        return self._generation, self._generations[server]

    def _count(self, entry: Entry, key: Key, how: _How) -> None:
        entry.cache = how
        self._counts.setdefault(key.server, Counter())[how] += 1

    async def _packed(self, result: ToolResult, wire_bytes: int) -> Packed | None:
        if wire_bytes > _LONG:
            return await asyncio.to_thread(Packed.of, result, wire_bytes)
        return Packed.of(result, wire_bytes)

    async def _given(self, entry: Entry, key: Key, found: Found, started: float) -> ToolResult:
        entry.bytes = found.packed.wire_bytes

        def made() -> ToolResult:
            elapsed_ms = (time.perf_counter() - started) * 1000
            return found.packed.result(key, duration_ms=elapsed_ms, age_s=found.age_s, stale=found.stale)

        return await asyncio.to_thread(made) if len(found.packed.encoded) > _LONG else made()


def _rate(counts: Counter[_How]) -> float | None:
    asked = sum(counts.values())
    return (counts["hit"] + counts["joined"]) / asked if asked else None


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.0%}"
