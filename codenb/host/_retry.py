"""Asking again where the way failed and the question changes nothing.

A process that was killed, a gateway that restarts, a backend that is too busy: a moment later the same question is
answered. So a read is tried again, a little later each time and never all callers at once, each time on whatever
connection is good by then. Only what a fault of the way can explain is asked again, never what a server has answered
with a no, and never a change: of a change whose answer was lost nobody knows whether it was made.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from codenb.config import Retries
from codenb.errors import CodenbError
from codenb.host._deadline import Deadline

if TYPE_CHECKING:
    from codenb.host._records import Entry

T = TypeVar("T")

_FIRST_S = 0.2
_LONGEST_S = 5.0
_BORNE_S = 15.0
_JITTER_S = 0.2

# stamina logs each retry; without a handler of its own it would print to the cell. The call's record counts them.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class Retry:
    """Makes reads of one server, again where they fail for no fault of theirs."""

    def __init__(self, settings: Retries, *, useless: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            settings: How often one read is tried.
            useless: Says whether nothing can be had from the server for now, whatever is tried.
        """
        self._attempts = settings.attempts
        self._useless = useless

    async def run(self, entry: Entry, attempt: Callable[[], Awaitable[T]], deadline: Deadline) -> T:
        """Make one read.

        Args:
            entry: Its record, which counts the attempts.
            attempt: Makes it once; called anew each time.
            deadline: Of all attempts together. Nothing is begun for which there is no time left.

        Returns:
            The first answer.

        Raises:
            CodenbError: What the last attempt raised.
        """
        entry.attempts = 1
        try:
            return await attempt()
        except CodenbError as error:
            if self._attempts == 1 or not error.transient or self._useless():
                raise
            first = error
        return await self._again(entry, attempt, first, deadline)

    async def _again(
        self, entry: Entry, attempt: Callable[[], Awaitable[T]], first: CodenbError, deadline: Deadline
    ) -> T:
        if "stamina" not in sys.modules:
            await asyncio.to_thread(_load)
        import stamina  # noqa: PLC0415  it and its instrumentation are loaded by the first fault only

        def worth_another(error: Exception) -> bool | float:
            if not isinstance(error, CodenbError) or not error.transient or self._useless():
                return False
            left = deadline.left()
            longest = error.retry_after_s or min(_LONGEST_S, _FIRST_S * 2 ** (entry.attempts - 1) + _JITTER_S)
            if longest > _BORNE_S or (left is not None and left <= longest):
                return False  # it would end in a time-out, or look like one: both say less than this error
            return error.retry_after_s or True

        async for again in stamina.retry_context(
            on=worth_another,
            attempts=self._attempts,
            timeout=None,
            wait_initial=_FIRST_S,
            wait_max=_LONGEST_S,
            wait_jitter=_JITTER_S,
        ):
            with again:
                if again.num == 1:
                    raise first  # it was made already, before anything was known to go wrong
                entry.attempts = again.num
                return await attempt()
        raise AssertionError("stamina ends with an answer or an error")


def _load() -> None:
    import_module("stamina.instrumentation").get_on_retry_hooks()
