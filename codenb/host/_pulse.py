"""A heartbeat for the event loop while anything is awaited.

A kernel interrupt cancels the cell's task from a signal handler, which does not wake a loop that sleeps in its
selector: the cancellation would wait for the server's answer. A timer that does nothing wakes the loop often enough
for an interrupt to take well under half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_S = 0.1


class Pulse:
    """Beats while somebody is inside `beating`; costs nothing otherwise."""

    def __init__(self) -> None:
        self._waiting = 0
        self._next: asyncio.TimerHandle | None = None

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Keep the running loop awake until left; may be entered by many tasks at once."""
        self._waiting += 1
        if self._waiting == 1:
            self._beat()
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0 and self._next:
                self._next.cancel()

    def _beat(self) -> None:
        self._next = asyncio.get_running_loop().call_later(BEAT_S, self._beat)
