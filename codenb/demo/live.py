"""One world while it is being served: the simulation kept in step with its clock, and what was asked of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

from codenb.demo.auth import Tokens
from codenb.demo.building import Built
from codenb.demo.clock import Pace
from codenb.demo.scenarios import Scenario


class Live:
    """A world, its clock's pace, its tokens and the count of writes that came over HTTP.

    Args:
        scenario: What the world shows.
        built: The world at its present moment.
        frozen: Let time stand still until it is moved.
        metrics: Whether a metrics server measures it.
    """

    def __init__(self, scenario: Scenario, built: Built, *, frozen: bool, metrics: bool = True) -> None:
        self.scenario = scenario
        self.metrics = metrics
        self.sim = built.sim
        self.admission = built.admission
        self.kubelet = built.kubelet
        self.uid = built.uid
        self.catalogue = built.catalogue
        self.tokens = Tokens()
        self.pace = Pace(built.sim.clock.now, frozen=frozen)
        self.writes: Counter[tuple[str, str]] = Counter()
        self.over = asyncio.Event()  # set when the world stops: watches end
        self._moved = asyncio.Event()

    def tick(self) -> None:
        """Let the world live up to the present moment."""
        self.sim.run_until(self.pace.moment)
        self._moved.set()

    def skip(self, seconds: float) -> None:
        """Leap ahead by some seconds."""
        self.pace.skip(seconds)
        self.tick()

    async def keep_time(self) -> None:
        """Run what falls due, for as long as this is awaited: watchers hear of it without anybody asking."""
        while True:
            self.tick()
            self._moved.clear()
            due = self.sim.clock.next_due
            wait = None if due is None or self.pace.frozen else max(due - self.pace.moment, 0.001)
            await _within(self._moved.wait(), wait)


async def _within(awaited: Awaitable[object], seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await awaited
    except TimeoutError:
        return
