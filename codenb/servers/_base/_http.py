"""Servers as a web service: streamable HTTP in both eras of the protocol, on one port.

Its life ends when it is told to stop, and a change that is being carried out is waited for, as over stdio: whoever
called for it still hears what came of it. uvicorn's protocol speaks HTTP here without uvicorn's server, which would
take the signals of the process, look up every tenth of a second whether it should stop, and cut off what takes longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from codenb.access import Access
from codenb.errors import BadInput, ConfigError
from codenb.servers._base._address import Names, is_loopback, listen, shown
from codenb.servers._base._guard import BODY_BYTES, Traffic
from codenb.servers._base._http_app import application
from codenb.servers._base._metrics import ToolMetrics
from codenb.servers._base._server import Server

_IDLE_S = 75
"""How long a connection may go without a request."""

_HEAD_S = 15.0
"""How long the head of the first request may take, from the connection on."""

_CONNECTIONS = 500
_LAST_ANSWERS_S = 5.0
"""For answers that are under way when the server stops; changes are waited for without it."""

_LAST_WORDS_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Servers that answer.

    Attributes:
        url: Of the listener, without a path.
        urls: Of the MCP endpoint of each server, by name.
        secured: Whether a token is asked for.
    """

    url: str
    urls: dict[str, str]
    secured: bool


async def serve_http(
    *servers: Server,
    host: str = "127.0.0.1",
    port: int = 8000,
    access: Access | None = None,
    allow_hosts: Iterable[str] = (),
    body_bytes: int = BODY_BYTES,
    on_listening: Callable[[Listening], None] | None = None,
) -> None:
    """Serve over streamable HTTP until SIGTERM or SIGINT, or until this is cancelled.

    Each server is at `/NAME/mcp`, a single one at `/mcp` as well; `/health` and `/healthz` tell anybody that it runs;
    `/metrics` is for Prometheus, and takes a permit on `NAME/metrics://server` where access is configured. Changes
    that are being carried out are waited for at the end.

    The connection is not encrypted. On other than this machine's own address, TLS belongs in front of it.

    Args:
        servers: At least one; made by `codenb.make_server`.
        host: Address, or a name that leads to one.
        port: 0 for any that is free.
        access: Who may call what; None is what `[access]` in `codenb.toml` of the first server's project says.
        allow_hosts: Names under which it is asked, besides this machine's own: `ops.example.org`.
        body_bytes: Largest request.
        on_listening: Called once it answers.

    Raises:
        ConfigError: The tools of a server do not fit together, or nothing says who may call while others than this
            machine can.
        BadInput: Nothing can listen there, or two servers have one name.
    """
    with _told_to_stop() as told:
        async with listening(
            *servers, host=host, port=port, access=access, allow_hosts=allow_hosts, body_bytes=body_bytes
        ) as at:
            if on_listening is not None:
                on_listening(at)
            await told.wait()


@asynccontextmanager
async def listening(
    *servers: Server,
    host: str = "127.0.0.1",
    port: int = 0,
    access: Access | None = None,
    allow_hosts: Iterable[str] = (),
    body_bytes: int = BODY_BYTES,
) -> AsyncIterator[Listening]:
    """Serve until the block is left; see `serve_http`."""
    by_name = _by_name(servers)
    access = access or Access.of(servers[0].settings)
    listener = await asyncio.to_thread(listen, host, port)
    try:
        address, port = listener.getsockname()[:2]
        _require_access(address, access)
        names, traffic, metrics = Names(address, allow_hosts), Traffic(), ToolMetrics()
        sessions = {name: server.mcp.sessions(body_bytes=body_bytes) for name, server in by_name.items()}
        app = application(
            sessions,
            by_name,
            names=names,
            traffic=traffic,
            authenticate=access.authenticate if access else None,
            metrics=metrics,
            body_bytes=body_bytes,
        )
        url = f"http://{shown(address)}:{port}"
        urls = {name: f"{url}/{name}/mcp" for name in by_name}
        async with contextlib.AsyncExitStack() as running:
            for name, manager in sessions.items():
                running.enter_context(_counting(by_name[name], metrics))
                await running.enter_async_context(manager.run())
            async with _answering(app, listener, traffic, by_name.values()):
                yield Listening(url, urls, secured=access is not None)
    finally:
        listener.close()


@contextlib.contextmanager
def _counting(server: Server, metrics: ToolMetrics) -> Iterator[None]:
    before, server.mcp.metrics = server.mcp.metrics, metrics
    try:
        yield
    finally:
        server.mcp.metrics = before


class _Connection(H11Protocol):
    """One connection, given up where the head of a request takes too long: a client may send a byte a minute."""

    access_log = False
    _head: asyncio.TimerHandle | None = None

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
async def _answering(
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
        access_log=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(config, state, {}), sock=listener)
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


@contextlib.contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set; a second one changes nothing, what is under way being waited for."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere no signal arrives
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.getsignal(number)
            loop.add_signal_handler(number, _hear, told)
    try:
        yield told
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _hear(told: asyncio.Event) -> None:
    if told.is_set():
        _log.warning("stopping: waiting for what is being carried out")
    told.set()


def _by_name(servers: tuple[Server, ...]) -> dict[str, Server]:
    if not servers:
        raise BadInput("there is no server to serve: name at least one")
    found = {server.name: server for server in servers}
    if len(found) < len(servers):
        raise BadInput(f"two servers have one name: {', '.join(sorted(server.name for server in servers))}")
    for server in servers:
        server.check()
    return found


def _require_access(address: str, access: Access | None) -> None:
    if is_loopback(address):
        return
    if access is None:
        raise ConfigError(
            f"{address} is reached by others than this machine, and nothing says who may call: configure [access] in "
            f"codenb.toml, or listen on 127.0.0.1"
        )
    _log.warning("plain HTTP on %s: tokens and answers can be read on the way; put TLS in front of it", address)
