"""Serving one world over HTTP on loopback, from a process of its own or from a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from codenb.demo import certificate, kubeconfig, scenarios
from codenb.demo.api.app import App
from codenb.demo.building import build
from codenb.demo.live import Live
from codenb.errors import BadInput

_LAST_WORDS_S = 1.0  # for watches to end; who has sent half a request by then is cut off


@dataclass(frozen=True, slots=True)
class Served:
    """A world that answers.

    Attributes:
        server: URL of its API server.
        context: Name of the kubeconfig's current context.
    """

    live: Live
    server: str
    kubeconfig: Path
    context: str
    embedded: bool


@asynccontextmanager
async def serve(
    scenario: str,
    kubeconfig_path: Path,
    *,
    seed: int,
    foreign: bool,
    port: int = 0,
    frozen: bool = False,
    metrics: bool = True,
) -> AsyncIterator[Served]:
    """Build a world and answer requests until the block is left.

    Args:
        scenario: One of `scenarios.names()`.
        kubeconfig_path: Where to write the kubeconfig.
        seed: Equal seeds give equal names and uids.
        foreign: Pretend to be a cluster that is not embedded.
        port: On 127.0.0.1; 0 for any that is free.
        frozen: Let time stand still until it is moved.
        metrics: Have a metrics server.

    Raises:
        BadInput: No such scenario, the port is taken, or the kubeconfig cannot be written.
        ConfigError: The scenario's file cannot be used.
    """
    loaded = scenarios.load(scenario)
    live = Live(loaded, build(loaded, seed=seed, foreign=foreign), frozen=frozen, metrics=metrics)
    listener = _listen(port)
    context = kubeconfig.FOREIGN_CONTEXT if foreign else kubeconfig.EMBEDDED_CONTEXT
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    try:
        authority, tls = certificate.issue()
        kubeconfig.write(kubeconfig_path, url, authority, context, live.tokens)
        async with _answering(App(live), listener, tls):
            clock = asyncio.create_task(live.keep_time())
            try:
                yield Served(live, url, kubeconfig_path, context, embedded=not foreign)
            finally:
                live.over.set()
                clock.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await clock
    finally:
        listener.close()


@asynccontextmanager
async def _answering(app: App, listener: socket.socket, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Speak HTTP on a socket with uvicorn's protocol, without its server.

    That one takes the process's signals, looks up every tenth of a second whether it should stop, and logs each start
    and each request through loggers that belong to whoever else uses uvicorn in this process.
    """
    config = Config(
        app, http="h11", ws="none", lifespan="off", proxy_headers=False, log_config=None, timeout_keep_alive=75
    )
    config.load()
    state = ServerState()

    def connection() -> H11Protocol:
        protocol = H11Protocol(config=config, server_state=state, app_state={})
        protocol.access_log = False
        return protocol

    server = await asyncio.get_running_loop().create_server(connection, sock=listener, ssl=tls)
    try:
        yield
    finally:
        server.close()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=_LAST_WORDS_S)
        for left in list(state.connections):
            left.transport.abort()
        while state.connections:  # noqa: ASYNC110 - a matter of two turns of the loop
            await asyncio.sleep(0)


def _listen(port: int) -> socket.socket:
    # With protocol 0 asyncio sets no TCP_NODELAY on what is accepted, and each answer takes 44 ms instead of 1.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadInput(
            f"cannot listen on 127.0.0.1:{port}: {error}; choose another port, or 0 for a free one"
        ) from error
    return listener
