"""Measuring several ways of doing the same thing in one run, so that a busy machine slows them all alike.

Each round lets every contender do a batch, in an order that turns by one from round to round. What is compared is
compared within a round: the median over the rounds of a difference is not moved by a minute in which the machine had
something else to do, whereas the difference of two averages is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

Batch = Callable[[int], Awaitable[list[float]]]
"""Makes so many calls one after the other; gives the seconds that each took."""


@dataclass
class Samples:
    """What one contender took.

    Attributes:
        rounds: Seconds of every call, by round.
    """

    rounds: list[list[float]] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """Of all calls."""
        return [one for batch in self.rounds for one in batch]

    @property
    def p50(self) -> float:
        """Seconds that half of the calls stay under."""
        return median(self.seconds)

    @property
    def p95(self) -> float:
        """Seconds that 19 of 20 calls stay under."""
        return quantile(self.seconds, 0.95)

    @property
    def rate(self) -> float:
        """Calls a second, one after the other, in the round that is the median of the rounds."""
        return median(len(batch) / sum(batch) for batch in self.rounds)

    def over(self, other: Samples) -> float:
        """Seconds that a call takes longer than another contender's: the median over the rounds."""
        return median(median(mine) - median(its) for mine, its in zip(self.rounds, other.rounds, strict=True))

    def ratio(self, other: Samples) -> float:
        """How many times as long a call takes as another contender's: likewise."""
        return median(median(mine) / median(its) for mine, its in zip(self.rounds, other.rounds, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of all stay at or under, without interpolation."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def interleaved(contenders: Mapping[str, Batch], *, rounds: int, calls: int) -> dict[str, Samples]:
    """Let contenders take turns.

    Args:
        contenders: By name.
        rounds: How often each has its turn; one more comes first, which warms up and is not counted.
        calls: For each turn.
    """
    found = {name: Samples() for name in contenders}
    names = list(contenders)
    for turn in range(-1, rounds):
        at = turn % len(names)
        for name in names[at:] + names[:at]:
            batch = await contenders[name](calls)
            if turn >= 0:
                found[name].rounds.append(batch)
    return found


def one_by_one(call: Callable[[], Awaitable[object]]) -> Batch:
    """A batch of calls in this process."""

    async def batch(calls: int) -> list[float]:
        seconds = []
        for _ in range(calls):
            begun = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - begun)
        return seconds

    return batch


async def together(call: Callable[[], Awaitable[object]], callers: int, each: int) -> tuple[float, list[float]]:
    """Let several callers call at once.

    Args:
        call: What each does.
        callers: How many.
        each: How often each calls, one after the other.

    Returns:
        Seconds for all of it, and of every call.
    """
    batch = one_by_one(call)
    begun = time.perf_counter()
    seconds = await asyncio.gather(*(batch(each) for _ in range(callers)))
    return time.perf_counter() - begun, [one for some in seconds for one in some]
