"""What a tool is at while its caller waits, as the protocol's progress notifications.

A tool, or the write of a change, calls `progress` and needs to know neither its request nor whether anybody listens.
It must never fail for it: a caller who has left does not stop a change, and neither does telling him of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Report = Callable[[float, float | None, str], Awaitable[None]]
"""Sends one notification: how far, of how much, and the line."""

_HEARD_S = 5.0
_MESSAGE_CHARS = 500
_STEP = 0.001

_log = logging.getLogger(__name__)


@dataclass
class _Reporter:
    """One request's progress; on the wire it may only grow, while each phase of a tool counts from its own start.

    Attributes:
        report: Sends it.
        clean: Hides what must not be sent.
        at: How far was reported last.
        counted: Whether a tool's own count was reported, between whose steps phases without one have to fit.
        left: Whether nobody listens any more.
    """

    report: Report
    clean: Callable[[str], str]
    at: float = 0.0
    counted: bool = False
    left: bool = False

    async def send(self, message: str, done: float | None, total: float | None) -> None:
        if self.left:
            return
        if done is not None and done > self.at:
            self.at, self.counted = done, True
        else:
            self.at, total = self.at + (_STEP if self.counted else 1), None
        line = " ".join(self.clean(message).split())[:_MESSAGE_CHARS]
        try:
            async with asyncio.timeout(_HEARD_S):
                await self.report(self.at, total, line)
        except Exception:  # noqa: BLE001  whatever became of the listener, the work goes on
            self.left = True
            _log.debug("nobody hears of the progress any more", exc_info=True)


_REPORTER: ContextVar[_Reporter | None] = ContextVar("codenb_progress", default=None)


async def progress(message: str, done: float | None = None, total: float | None = None) -> None:
    """Say what is being done, from inside a tool or the write of a change; nothing where the caller asked for none.

    Args:
        message: One line that says it all, such as `2 of 3 pods of Deployment shop/checkout are ready`.
        done: How far this is.
        total: Of how much.
    """
    reporter = _REPORTER.get()
    if reporter is not None:
        await reporter.send(message, done, total)


@contextmanager
def reporting(report: Report, clean: Callable[[str], str]) -> Iterator[None]:
    """Let `progress` report to a request while inside, and in the tasks that are started there.

    Args:
        report: Sends one notification.
        clean: Hides what must not be sent.
    """
    token = _REPORTER.set(_Reporter(report, clean))
    try:
        yield
    finally:
        _REPORTER.reset(token)
