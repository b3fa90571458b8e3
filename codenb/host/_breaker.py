"""A server that fails again and again is not asked for a while.

Without this, every panel, expert and gather of a notebook would wait out its retries on a server that is down, and
would meet it with all of them at once when it comes back. So after some seconds in which nothing came through nobody
asks it; then one call tries, and everybody follows it when it is answered. (The pattern is known as a circuit breaker.)

Only faults of the way count: who is refused, or asks for what is not there, has been answered.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from codenb.config import Retries
from codenb.errors import (
    AccessError,
    AnswerTooLarge,
    CodenbError,
    ConnectFailed,
    ConnectionLost,
    ToolError,
    Unavailable,
    UnknownTool,
)

_FEWEST = 3
_FORGOTTEN_S = 60.0
_ANSWERS = (AccessError, AnswerTooLarge, ToolError, UnknownTool)
_FAULTS = (ConnectFailed, ConnectionLost, Unavailable)


class Breaker:
    """Watches the requests to one server, and stops them where they have become useless."""

    def __init__(self, server: str, settings: Retries) -> None:
        """Begin with trust.

        Args:
            server: Its name, for messages.
            settings: When it is paused, and for how long.
        """
        self._server = server
        self._settings = settings
        self._faults = 0
        self._first = self._last = -math.inf
        self._until: float | None = None
        self._trying = False
        self._why = ""

    @property
    def open(self) -> bool:
        """Whether the circuit is open: the server is paused, or one call is trying it."""
        return self._until is not None

    @property
    def until(self) -> datetime | None:
        """When a call may try it again, UTC; None where it is not paused."""
        if self._until is None:
            return None
        return (datetime.now(UTC) + timedelta(seconds=self._left())).replace(microsecond=0)

    @property
    def why(self) -> str:
        """Why it is paused and what can be done, in one line; empty where it is not."""
        if self._until is None:
            return ""
        when = "until one call, which is under way, has tried it"
        if not self._trying:
            left = math.ceil(self._left())
            when = f"for another {left} s" if left else "until a call tries it"
        return (
            f"{self._server} is paused {when}, because nothing came through for {self._last - self._first:.0f} s "
            f"(lastly: {self._why}): wait, or try it at once with nb.reset({self._server!r})"
        )

    def reset(self) -> None:
        """Trust it again, and forget what was."""
        self._faults, self._until, self._why = 0, None, ""
        self._first = self._last = -math.inf

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Surround one request; what it raises says how the server is.

        Raises:
            Unavailable: The server is paused.
        """
        tries = self._until is not None
        if tries and (self._trying or self._left() > 0):
            raise Unavailable(self.why)
        self._trying = self._trying or tries
        began = asyncio.get_running_loop().time()
        try:
            yield
        except _ANSWERS:
            self.reset()
            raise
        except _FAULTS as error:
            if not (isinstance(error, Unavailable) and error.overused):
                self._count(error, began)
            raise
        else:
            self.reset()
        finally:
            if tries:
                self._trying = False

    def _count(self, error: CodenbError, began: float) -> None:
        now = asyncio.get_running_loop().time()
        if began < self._last:
            return  # it was under way when the last one failed: many calls on one connection are one fault
        if now - self._last > _FORGOTTEN_S and self._until is None:
            self._faults, self._first = 0, now
        self._faults += 1
        self._last, self._why = now, str(error)
        worn_out = self._faults >= _FEWEST and now - self._first >= self._settings.pause_after_s
        if worn_out or self._until is not None:
            self._until = now + self._settings.pause_s

    def _left(self) -> float:
        assert self._until is not None
        return max(0.0, self._until - asyncio.get_running_loop().time())
