"""One call for many callers.

Notebooks, widgets and experts ask the same question at the same moment: six panels open, six identical `get_pods`.
Running it once keeps the cluster calm and the answers consistent with each other. What is a caller's own stays its
own: how long it waits, whether it gives up, who hears of the progress.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from codenb.errors import CodenbError, DeadlineExceeded, Interrupted
from codenb.host._deadline import Deadline
from codenb.host._progress import Listener

T = TypeVar("T")


@dataclass(frozen=True, eq=False, slots=True)
class Waiting:
    """One caller.

    Attributes:
        what: What is asked, for messages.
        deadline: How long it waits.
        listener: Hears what the server says it is doing.
    """

    what: str
    deadline: Deadline
    listener: Listener


class Shared:
    """What all callers of one call share.

    Attributes:
        deadline: The latest of theirs.
    """

    def __init__(self, first: Waiting) -> None:
        self.deadline = Deadline(first.deadline.when())
        self._waiting = [first]

    @property
    def over(self) -> bool:
        """Whether it has waited as long as anybody would, so that nobody should join it."""
        left = self.deadline.left()
        return left is not None and left <= 0

    @property
    def alone(self) -> bool:
        """Whether nobody waits any more."""
        return not self._waiting

    def join(self, waiting: Waiting) -> None:
        """Let one more wait."""
        self._waiting.append(waiting)
        self._move()

    def leave(self, waiting: Waiting) -> None:
        """One has its answer, or has given up."""
        self._waiting.remove(waiting)
        self._move()

    async def hear(self, progress: float, total: float | None, message: str | None) -> None:
        """Pass a notification of the server on to everybody; each may wait longer for it."""
        heard = [one.listener(progress, total, message) for one in self._waiting]
        failed = [error for error in await asyncio.gather(*heard, return_exceptions=True) if error is not None]
        self._move()
        if failed:
            raise failed[0]

    def _move(self) -> None:
        if self.over or not self._waiting:
            return
        untils = [one.deadline.when() for one in self._waiting]
        latest = max(math.inf if until is None else until for until in untils)
        self.deadline.reschedule(None if math.isinf(latest) else latest)


@dataclass(slots=True)
class _Run(Generic[T]):
    shared: Shared
    task: asyncio.Task[T] = field(init=False)


class SingleFlight(Generic[T]):
    """Runs equal calls once and hands every caller the same result or the same error."""

    def __init__(self) -> None:
        self._runs: dict[Hashable, _Run[T]] = {}

    def running(self, key: Hashable) -> bool:
        """Whether the next caller with this key would join another."""
        run = self._runs.get(key)
        return run is not None and not run.shared.over

    async def join(self, key: Hashable, waiting: Waiting, start: Callable[[Shared], Awaitable[T]]) -> T:
        """Wait for the running call with this key, or start it.

        Args:
            key: What makes two calls the same call.
            waiting: The caller.
            start: Begins the call; used only when none is running. It must not rely on the caller's context
                variables or deadline, because later callers share it.

        Returns:
            The result; one object for all.

        Raises:
            DeadlineExceeded: This caller waits no longer; others may.
            Interrupted: The shared call was stopped from outside while this caller still waited.
        """
        run = self._runs.get(key)
        joined = run is not None and not run.shared.over
        if run is None or run.shared.over:
            run = self._runs[key] = _Run(Shared(waiting))
            run.task = asyncio.ensure_future(_started(start, run.shared))
            run.task.add_done_callback(lambda task: self._ended(key, task))
        else:
            run.shared.join(waiting)
        try:
            return await _answer(run, waiting)
        except CodenbError as error:
            if not joined:
                raise
            raise _own(error) from error.__cause__
        finally:
            run.shared.leave(waiting)
            if run.shared.alone and not run.task.done():
                self._forget(key, run.task)  # before cancelling, or a late caller joins a dying call
                run.task.cancel()

    def _ended(self, key: Hashable, task: asyncio.Task[T]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # also where nobody waits for it any more

    def _forget(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if (run := self._runs.get(key)) and run.task is task:
            del self._runs[key]


async def _started(start: Callable[[Shared], Awaitable[T]], shared: Shared) -> T:
    return await start(shared)


async def _answer(run: _Run[T], waiting: Waiting) -> T:
    began = asyncio.get_running_loop().time()
    try:
        async with waiting.deadline:
            return await _shielded(run.task)
    except TimeoutError:
        if not run.task.done() and not run.shared.over:
            waited = asyncio.get_running_loop().time() - began
            raise DeadlineExceeded(f"{waiting.what} did not answer within {waited:.1f} s: allow more time") from None
    # Nobody waits longer than this caller, so the call itself ends now; it knows better what it was waiting for.
    return await _shielded(run.task)


async def _shielded(task: asyncio.Task[T]) -> T:
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        this = asyncio.current_task()
        if task.cancelled() and not (this and this.cancelling()):
            raise Interrupted("a call that several waited for was stopped: ask again") from None
        raise


def _own(error: CodenbError) -> CodenbError:
    """The error for one more caller: one object raised in many places mixes their tracebacks and notes."""
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__ |= error.__dict__
    if "__notes__" in twin.__dict__:
        twin.__notes__ = list(twin.__notes__)
    return twin
