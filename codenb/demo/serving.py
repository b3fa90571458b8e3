"""Serving one world over HTTP on loopback, from a process of its own or from a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from codenb.demo import certificate, kubeconfig, scenarios
from codenb.demo.api.app import App
from codenb.demo.building import build
from codenb.demo.live import Live
from codenb.errors import BadInput


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


class _Server(uvicorn.Server):
    """Stops when its world does, and leaves the process's signals to whoever owns the process."""

    def __init__(self, config: uvicorn.Config, over: asyncio.Event) -> None:
        super().__init__(config)
        self._over = over

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._over.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(
    scenario: str, kubeconfig_path: Path, *, seed: int, foreign: bool, port: int = 0, frozen: bool = False
) -> AsyncIterator[Served]:
    """Build a world and answer requests until the block is left.

    Args:
        scenario: One of `scenarios.names()`.
        kubeconfig_path: Where to write the kubeconfig.
        seed: Equal seeds give equal names and uids.
        foreign: Pretend to be a cluster that is not embedded.
        port: On 127.0.0.1; 0 for any that is free.
        frozen: Let time stand still until it is moved.

    Raises:
        BadInput: No such scenario, the port is taken, or the kubeconfig cannot be written.
        ConfigError: The scenario's file cannot be used.
    """
    loaded = scenarios.load(scenario)
    live = Live(loaded, build(loaded, seed=seed, foreign=foreign), frozen=frozen)
    listener = _listen(port)
    context = kubeconfig.FOREIGN_CONTEXT if foreign else kubeconfig.EMBEDDED_CONTEXT
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    try:
        authority, tls = certificate.issue()
        kubeconfig.write(kubeconfig_path, url, authority, context, live.tokens)
        config = uvicorn.Config(
            App(live),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=75,
        )
        config.load()
        config.ssl = tls  # a context of our own: uvicorn itself takes only files
        server = _Server(config, live.over)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        clock = asyncio.create_task(live.keep_time())
        try:
            yield Served(live, url, kubeconfig_path, context, embedded=not foreign)
        finally:
            server.force_exit = True
            live.over.set()
            clock.cancel()
            await serving
            with contextlib.suppress(asyncio.CancelledError):
                await clock
    finally:
        listener.close()


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
