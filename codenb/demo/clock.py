"""Time in the embedded world, which is the world's own.

A scenario's past is lived through before the first request: days of rollouts, restarts and back-offs in a few
milliseconds. After that the clock keeps pace with the wall, or stands still and is moved by a test.

Moments are seconds since the world began. Only what is written into objects is turned into a date, so that the order
of things never depends on when a world was started, and equal seeds give equal worlds.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime

Action = Callable[[], None]


class Clock:
    """The present moment and what is due later.

    Args:
        epoch: The date of moment 0, in seconds since 1970.
    """

    def __init__(self, epoch: int) -> None:
        self.now = 0.0
        self._epoch = epoch
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    def after(self, delay: float, action: Action) -> None:
        """Run an action `delay` seconds from now."""
        heapq.heappush(self._due, (self.now + delay, next(self._order), action))

    @property
    def next_due(self) -> float | None:
        """The moment of the next action, or None where nothing is due."""
        return self._due[0][0] if self._due else None

    def run_until(self, moment: float, happen: Callable[[Action], None]) -> None:
        """Move to a moment, running what is due on the way.

        Args:
            moment: Where to stop; one that is past is ignored, time does not go back.
            happen: Runs an action and lets the controllers see the world as it is then.
        """
        while self._due and self._due[0][0] <= moment:
            due, _, action = heapq.heappop(self._due)
            self.now = max(self.now, due)
            happen(action)
        self.now = max(self.now, moment)

    def moment(self, date: datetime) -> float:
        """The moment of a date."""
        return date.timestamp() - self._epoch

    def date(self, moment: float | None = None) -> datetime:
        """The date of a moment; of now, where none is given."""
        return datetime.fromtimestamp(self._epoch + (self.now if moment is None else moment), UTC)

    def stamp(self, moment: float | None = None) -> str:
        """A moment as objects carry it: RFC 3339, whole seconds."""
        return self.date(moment).strftime("%Y-%m-%dT%H:%M:%SZ")

    def micro_stamp(self, moment: float | None = None) -> str:
        """A moment in microseconds, as event times and leases carry it."""
        return self.date(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Pace:
    """Which moment it should be by now.

    Args:
        start: The moment at which the world is opened.
        frozen: Stand still until moved.
    """

    def __init__(self, start: float, *, frozen: bool) -> None:
        self._at = start
        self._since = time.monotonic()
        self.frozen = frozen

    @property
    def moment(self) -> float:
        """The moment that the world should have reached."""
        return self._at if self.frozen else self._at + time.monotonic() - self._since

    def skip(self, seconds: float) -> None:
        """Leap ahead."""
        self._at += seconds
