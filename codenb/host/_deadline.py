"""By when one request has to be answered, however many steps and tries it takes.

`asyncio.timeout` is entered once. A request waits for a place, for a connection to open, for an answer, and then
perhaps once more; all of it has one deadline, and news from the server or a person who thinks may move it meanwhile.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """A moment that can be waited for many times, one after the other; leaving too late raises `TimeoutError`."""

    def __init__(self, until: float | None) -> None:
        """Set the moment.

        Args:
            until: Loop time; None is never.
        """
        self._until = until
        self._entered: asyncio.Timeout | None = None

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(asyncio.get_running_loop().time() + seconds)

    def when(self) -> float | None:
        """The moment, in loop time; None is never."""
        return self._until

    def left(self) -> float | None:
        """Seconds from now, less than 0 where it has passed; None is for ever."""
        return None if self._until is None else self._until - asyncio.get_running_loop().time()

    def reschedule(self, when: float | None) -> None:
        """Move it, also while somebody waits.

        Args:
            when: Loop time; None is never.

        Raises:
            RuntimeError: Who waits has been stopped by it already.
        """
        if self._entered is not None:
            self._entered.reschedule(when)
        self._until = when

    async def __aenter__(self) -> None:
        self._entered = asyncio.timeout_at(self._until)
        await self._entered.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered, self._entered = self._entered, None
        assert entered is not None
        await entered.__aexit__(kind, error, trace)
