"""The connections to one server, and who may use them.

A connection carries many calls at once, so one is enough until it is full; only then another is opened, up to a
number. Whoever finds all of them full waits in line. What broke is replaced by the next who comes, and what nobody has
used for a while is closed, because a server over stdio is a process that takes memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from codenb.errors import CodenbError, ConnectFailed
from codenb.host._connection import Connection

CALLS_EACH = 32
"""How many calls one connection carries at once."""


class Pool:
    """Hands out places on connections, first come, first served.

    Attributes:
        closed: Whether no place is handed out any more.
        beginnings: How often a connection was made while there was none; what is behind a new one may have changed.
    """

    def __init__(
        self, make: Callable[[], Connection], *, most: int, each: int | None = None, idle_s: float = 300.0
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            make: Makes a connection, not yet open.
            most: Connections at once.
            each: Calls at once on each of them; 32 by default.
            idle_s: Seconds after which a connection that nobody uses is closed.
        """
        self._make = make
        self._most = most
        self._each = each or CALLS_EACH
        self._idle_s = idle_s
        self._calls: dict[Connection, int] = {}  # in the order of opening: the oldest is filled first
        self._idle_since: dict[Connection, float] = {}
        self._line: deque[asyncio.Future[Connection]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.closed = False
        self.beginnings = 0

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those that may be used, oldest first."""
        return tuple(one for one in self._calls if one.usable)

    @property
    def busy(self) -> int:
        """How many places are taken."""
        return sum(self._calls.values())

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return sum(not waiter.done() for waiter in self._line)

    def at_once(self) -> Connection | None:
        """Take a place that need not be waited for; None where all are taken, or others wait already.

        Raises:
            CodenbError: As `take` does.
        """
        self._serve()
        return None if self._line else self._free()  # nobody passes those who wait

    async def take(self) -> Connection:
        """Wait for a place on a connection; `give_back` takes it back.

        Returns:
            One that is not known to be broken; the first who needs it opens it.

        Raises:
            ConnectFailed: The pool is closed, or what was waited for could not be opened.
            CodenbError: No connection can be made, because the configuration is wrong.
        """
        connection = self.at_once()
        at_the_head = False
        while connection is None or not connection.usable:
            if connection is None:
                connection = await self._in_line(at_the_head=at_the_head)
            else:  # it broke after it was handed on: whoever has waited does not wait from the end again
                self._leave(connection)
                connection = self._free()
                self._serve()
                at_the_head = True
        return connection

    def give_back(self, connection: Connection) -> None:
        """Free a place for the next in line."""
        self._leave(connection)
        if not self._calls and connection.fault and not connection.opened:
            self._tell_line(connection.fault)  # to try once more for each of them would not open it either
        self._serve()
        if self._calls.get(connection) == 0:
            self._idle_since[connection] = asyncio.get_running_loop().time()
            if self._timer is None:
                self._watch_idle()

    def close(self) -> None:
        """Hand out nothing more and end every connection; returns at once."""
        self.closed = True
        if self._timer:
            self._timer.cancel()
        self._tell_line(_closed())
        for connection in self._calls:
            connection.end()
        self._calls.clear()
        self._idle_since.clear()

    async def _in_line(self, *, at_the_head: bool) -> Connection:
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        (self._line.appendleft if at_the_head else self._line.append)(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            with suppress(ValueError):  # it was served, told, or passed over meanwhile
                self._line.remove(waiter)
            if not waiter.cancelled() and waiter.exception() is None:
                self.give_back(waiter.result())
            raise

    def _free(self) -> Connection | None:
        """Take a place, on a new connection where the others are full; None where there is none."""
        if self.closed:
            raise _closed()
        self._drop_broken()
        for connection, calls in self._calls.items():
            if calls < self._each:
                self._calls[connection] += 1
                self._idle_since.pop(connection, None)
                return connection
        if len(self._calls) >= self._most:
            return None
        connection = self._make()
        self.beginnings += not self._calls
        self._calls[connection] = 1
        return connection

    def _leave(self, connection: Connection) -> None:
        if connection in self._calls:
            self._calls[connection] -= 1
        self._drop_broken()

    def _serve(self) -> None:
        """Hand free places to those in line."""
        while self._line:
            if not self._line[0].done():
                try:
                    connection = self._free()
                except CodenbError as error:
                    self._line.popleft().set_exception(error)
                    continue
                if connection is None:
                    return
                self._line[0].set_result(connection)
            self._line.popleft()

    def _tell_line(self, error: CodenbError) -> None:
        for waiter in self._line:
            if not waiter.done():
                waiter.set_exception(error)
        self._line.clear()

    def _drop_broken(self) -> None:
        for connection in [one for one in self._calls if not one.usable]:
            connection.retire()
            del self._calls[connection]
            self._idle_since.pop(connection, None)

    def _watch_idle(self) -> None:
        due = min(self._idle_since.values()) + self._idle_s
        self._timer = asyncio.get_running_loop().call_at(due, self._close_idle)

    def _close_idle(self) -> None:
        self._timer = None
        self._drop_broken()
        latest = asyncio.get_running_loop().time() - self._idle_s
        for connection in [one for one, since in self._idle_since.items() if since <= latest]:
            connection.retire()
            del self._calls[connection]
            del self._idle_since[connection]
        if self._idle_since:
            self._watch_idle()


def _closed() -> ConnectFailed:
    return ConnectFailed("this session is closed: connect again")
