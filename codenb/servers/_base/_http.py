"""Servers as a web service: streamable HTTP in both eras of the protocol, on one port.

Its life ends when it is told to stop, and a change that is being carried out is waited for, as over stdio: whoever
called for it still hears what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from codenb.access import Access
from codenb.errors import BadInput, ConfigError
from codenb.servers._base._address import Names, is_loopback, listen, shown
from codenb.servers._base._connections import answering
from codenb.servers._base._guard import BODY_BYTES, Traffic
from codenb.servers._base._http_app import application
from codenb.servers._base._metrics import ToolMetrics
from codenb.servers._base._server import Server

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
        access: Who may call what; None is what `[access]` says in `codenb.toml` of whichever server's project has it.
        allow_hosts: Names under which it is asked, besides this machine's own: `ops.example.org`.
        body_bytes: Largest request.
        on_listening: Called once it answers.

    Raises:
        ConfigError: The tools of a server do not fit together, nothing says who may call while others than this
            machine can, or two projects say it.
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
    access = access or _configured(servers)
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

        async def run(up: asyncio.Event, down: asyncio.Event) -> None:
            async with contextlib.AsyncExitStack() as running:
                for name, manager in sessions.items():
                    running.enter_context(_counting(by_name[name], metrics))
                    await running.enter_async_context(manager.run())
                async with answering(app, listener, traffic, by_name.values()):
                    up.set()
                    await down.wait()

        async with _owned(run):
            yield Listening(url, urls, secured=access is not None)
    finally:
        listener.close()


@asynccontextmanager
async def _owned(run: Callable[[asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Have a task of its own begin, hold and end something, inside of the block.

    What the SDK begins in a task has to be ended in the same one, and a block may be entered in one cell or fixture and
    left in another. Being cancelled does not shorten the end.
    """
    up, down = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run(up, down))
    rising = asyncio.create_task(up.wait())
    try:
        await asyncio.wait({task, rising}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            yield
    finally:
        rising.cancel()
        down.set()
        cancelled: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
        task.result()
        if cancelled is not None:
            raise cancelled


@contextlib.contextmanager
def _counting(server: Server, metrics: ToolMetrics) -> Iterator[None]:
    before, server.mcp.metrics = server.mcp.metrics, metrics
    try:
        yield
    finally:
        server.mcp.metrics = before


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


def _configured(servers: Iterable[Server]) -> Access | None:
    """What the projects of the servers say; the one listener asks for one kind of token."""
    found = {one.settings.home: one.settings for one in servers if one.settings.access is not None}
    if len(found) > 1:
        homes = " and ".join(str(home) for home in found)
        raise ConfigError(f"[access] is configured in {homes}: serve these on a port each, or say access=")
    return Access.of(next(iter(found.values()))) if found else None


def _require_access(address: str, access: Access | None) -> None:
    if is_loopback(address):
        return
    if access is None:
        raise ConfigError(
            f"{address} is reached by others than this machine, and nothing says who may call: configure [access] in "
            f"codenb.toml, or listen on 127.0.0.1"
        )
    _log.warning("plain HTTP on %s: tokens and answers can be read on the way; put TLS in front of it", address)
