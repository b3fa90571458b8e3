"""Asks a person at a terminal: the preview, then y/N.

Only what is typed after the question counts; the end of the input, an empty line and anything but y or yes are a no.
The event loop goes on while the person thinks.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from codenb.actions._approver import Approver, decision
from codenb.errors import Interrupted
from codenb.models import ApprovalRequest, Decision
from codenb.views import to_text

_LONGEST_ANSWER = 4_096
_NO_INPUT = "the input is at its end"


def at_terminal(source: IO[str] | None = None, out: IO[str] | None = None) -> Approver:
    """An approver that asks on a terminal.

    Args:
        source: Where the answer is read; standard input by default.
        out: Where the question is shown; standard output by default.
    """
    return _Terminal(source, out)


class _Terminal:
    def __init__(self, source: IO[str] | None, out: IO[str] | None) -> None:
        self._source = source
        self._out = out
        self._unread = b""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Show the request and wait for a line.

        Raises:
            Interrupted: Ctrl-C; nothing was approved.
        """
        out = self._out or sys.stdout
        colored = out.isatty() and not os.environ.get("NO_COLOR")
        width = shutil.get_terminal_size().columns if out.isatty() else None
        out.write(f"\n{to_text(request.view(), width, color=colored)}\n\nApprove? [y/N] ")
        out.flush()
        answer = await self._line()
        if answer is None:
            out.write("no: there is nobody to ask\n")
        yes = answer is not None and answer.strip().lower() in {"y", "yes"}
        reason = _NO_INPUT if answer is None else ""
        return decision(request, approve=yes, by=_user(), approver="ask_me", reason=reason, pending=answer is None)

    async def _line(self) -> str | None:
        """The next line; None at the end of the input."""
        try:
            descriptor = (self._source or sys.stdin).fileno()
        except (AttributeError, OSError, ValueError):  # closed, or replaced by something that is no file
            return None
        if os.isatty(descriptor):
            self._unread = b""
            _forget_what_was_typed(descriptor)
        with _ctrl_c() as stopped:
            while b"\n" not in self._unread and len(self._unread) < _LONGEST_ANSWER:
                read = await _readable(descriptor, stopped)
                if not read:
                    rest, self._unread = self._unread, b""
                    return rest.decode(errors="replace") if rest else None
                self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode(errors="replace")

    def __repr__(self) -> str:
        return "at_terminal()"


async def _readable(descriptor: int, stopped: asyncio.Future[None]) -> bytes:
    """What can be read once something can; empty at the end of the input."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _resolve, ready)
    except PermissionError:  # a regular file or /dev/null: always ready
        return _read(descriptor)
    except NotImplementedError:  # an event loop that cannot watch a terminal: better no answer than a blocked loop
        return b""
    try:
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(descriptor)
    if stopped.done():
        raise Interrupted("stopped with Ctrl-C at the question: nothing was approved")
    return _read(descriptor)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _LONGEST_ANSWER)
    except OSError:  # the terminal has gone away
        return b""


@contextmanager
def _ctrl_c() -> Iterator[asyncio.Future[None]]:
    """A future that Ctrl-C resolves, so that it ends the question and not the program around it."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()
    before: Callable[..., Any] | int | None = signal.getsignal(signal.SIGINT)
    try:
        loop.add_signal_handler(signal.SIGINT, _resolve, stopped)
    except (NotImplementedError, RuntimeError, ValueError):  # not the main thread: Ctrl-C is not ours to take
        yield stopped
        return
    try:
        yield stopped
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _forget_what_was_typed(descriptor: int) -> None:
    """Drop keys pressed before the question was there: they cannot be its answer."""
    import termios  # noqa: PLC0415  not on every system

    termios.tcflush(descriptor, termios.TCIFLUSH)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no entry for this user id, as in some containers
        return f"user id {os.getuid()}"
