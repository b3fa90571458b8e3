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
    """Beats while somebody is inside `beating`; costs a beat more otherwise.

    The timer is left to lapse, and not cancelled with every call: thousands of calls a second whose answers are at hand
    would each leave one behind in the loop.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._next: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Keep the running loop awake until left; may be entered by many tasks at once."""
        self._waiting += 1
        loop = asyncio.get_running_loop()
        if self._next is None or self._loop is not loop:  # one that has ended beats no more
            self._loop = loop
            self._beat(loop)
        try:
            yield
        finally:
            self._waiting -= 1

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:  # not one that was left for another
            self._next = loop.call_later(BEAT_S, self._beat, loop) if self._waiting else None
