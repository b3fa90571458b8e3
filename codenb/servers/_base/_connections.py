"""HTTP connections, from the first byte of each to the end of the last.

uvicorn's protocol speaks HTTP here without uvicorn's server, which would take the signals of the process, look up every
tenth of a second whether it should stop, and cut off a change that takes longer than the rest.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from codenb.servers._base._guard import Traffic
from codenb.servers._base._server import Server

_IDLE_S = 75
"""How long a connection may go without a request."""

_HEAD_S = 15.0
"""How long the head of the first request may take, from the connection on."""

_CONNECTIONS = 500
_LAST_ANSWERS_S = 10.0
"""For answers that are under way when the server stops; changes are waited for without it."""

_LAST_WORDS_S = 1.0


class _Connection(H11Protocol):
    """One connection, given up where the head of a request takes too long: a client may send a byte a minute."""

    def __init__(self, config: Config, state: ServerState) -> None:
        super().__init__(config, state, {})
        self.access_log = False  # what was answered is noted by us, without what stands behind a question mark
        self._head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(_HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._expect(None)

    def on_response_complete(self) -> None:
        self._expect(_IDLE_S)
        super().on_response_complete()

    def _expect(self, seconds: float | None) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


@asynccontextmanager
async def answering(
    app: ASGIApp, listener: socket.socket, traffic: Traffic, servers: Iterable[Server]
) -> AsyncIterator[None]:
    """Speak HTTP on a socket, and stop in good order."""
    config = Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        log_config=None,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(config, state), sock=listener)
    try:
        yield
    finally:
        traffic.stopping = True
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        for one in servers:
            await one.drain()
        await _ended(traffic.waited_for, _LAST_ANSWERS_S)
        for task in state.tasks:
            task.cancel()
        await _ended(state.tasks, _LAST_WORDS_S)
        for left in list(state.connections):
            left.transport.abort()
        await _ended(state.tasks, _LAST_WORDS_S)


async def _ended(tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    if left := set(tasks):
        await asyncio.wait(left, timeout=seconds)
