"""What a server says it is doing while its answer is awaited: shown as lines, and a reason to wait longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from codenb.host._deadline import Deadline
from codenb.host._results import one_line

if TYPE_CHECKING:
    from codenb.redaction import Redactor

OnProgress = Callable[[str], None]
"""Gets one line for people; it comes from the server, without secrets."""

_LONGEST = 500


class Listener:
    """Hears the progress of one request; the SDK's callback.

    A server that says what it does is alive: while it does, the usual time-out begins anew (as the protocol allows),
    up to a limit that no talking moves. A time that the caller gave is kept.
    """

    def __init__(self, say: OnProgress | None, redactor: Redactor) -> None:
        self._say = say
        self._redactor = redactor
        self._deadline: Deadline | None = None
        self._wait_s = self._latest = 0.0

    def extends(self, deadline: Deadline, *, wait_s: float, at_most_s: float) -> None:
        """Move a deadline whenever something is heard.

        Args:
            deadline: Of the request.
            wait_s: How long to wait from then on, in seconds.
            at_most_s: From now, however much is heard.
        """
        self._deadline, self._wait_s = deadline, wait_s
        self._latest = asyncio.get_running_loop().time() + at_most_s

    def end(self) -> None:
        """Hear no more; news may come after the answer, and would look as if work went on."""
        self._say = self._deadline = None

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Take one notification."""
        if self._deadline is not None and (when := self._deadline.when()) is not None:
            later = min(asyncio.get_running_loop().time() + self._wait_s, self._latest)
            with suppress(RuntimeError):  # it is over already
                self._deadline.reschedule(max(when, later))
        if self._say is None:
            return
        if line := one_line(self._redactor.text((message or "")[: 4 * _LONGEST])):
            self._say(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")
        elif total:
            self._say(f"{progress:g} of {total:g}")
