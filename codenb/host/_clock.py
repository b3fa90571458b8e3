"""The time that calls are made in: the machine's, or in a replay that of the recording.

What waits for a state to be reached reads until its time is over, and how often it reads is part of what was recorded.
So in a replay time goes by with the recorded answers, and nobody waits.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's."""

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    def time(self) -> float:
        """Seconds; only differences mean something."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class PlayedClock(Clock):
    """That of a recording: it stands at the latest answer that was played, and goes on by what is slept."""

    def __init__(self, began: datetime) -> None:
        """Start.

        Args:
            began: When the recording began, UTC.
        """
        self._began = began
        self._at = 0.0

    def now(self) -> datetime:
        """UTC, as it was then."""
        return self._began + timedelta(seconds=self._at)

    def time(self) -> float:
        """Seconds since the recording began."""
        return self._at

    async def sleep(self, seconds: float) -> None:
        """Let time go by, and the other tasks run."""
        self._at += max(0.0, seconds)
        await asyncio.sleep(0)

    def reach(self, at: float) -> None:
        """An answer was played that came so many seconds after the begin; earlier ones move nothing back."""
        self._at = max(self._at, at)
