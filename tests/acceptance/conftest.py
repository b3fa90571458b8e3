"""The Kubernetes server on an embedded world, as other people's clients reach it: in process, over stdio, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from mcp import StdioServerParameters

from codenb.config import load
from codenb.demo import WorldThread
from codenb.servers.kubernetes.server import server
from tests.ports import free_port

Reach = Callable[[str, Path], Any]


class Line:
    """A network between a server and its cluster that can be made to hold what is sent, until it is let go.

    Attributes:
        kubeconfig: Leads over it to the world.
    """

    def __init__(self, world: WorldThread, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._world = world
        self._through = asyncio.Event()
        self._through.set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        here = f"https://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        self.kubeconfig.write_text(self._world.kubeconfig.read_text().replace(self._world.server, here))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    def hold(self) -> None:
        """Let nothing more through to the cluster."""
        self._through.clear()

    def let_go(self) -> None:
        """Let it all through."""
        self._through.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(self._world.server.rpartition(":")[2])
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def pipe(source: asyncio.StreamReader, to: asyncio.StreamWriter, *, held: bool) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    if held:
                        await self._through.wait()
                    to.write(data)
                    await to.drain()
            to.close()

        await asyncio.gather(pipe(reader, back, held=True), pipe(there, writer, held=False))


@pytest.fixture
def world() -> Iterator[WorldThread]:
    """The shop whose checkout is out of memory."""
    with WorldThread("oom") as started:
        yield started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project folder, where the server keeps its previews."""
    monkeypatch.setenv("CODENB_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
async def line(world: WorldThread, home: Path) -> AsyncIterator[Line]:
    """The way to the world."""
    async with Line(world, home / "kubeconfig") as opened:
        yield opened


@pytest.fixture
def reach(home: Path) -> Iterator[Reach]:
    """Makes what `mcp.Client` is given to reach the server: by transport and kubeconfig."""
    with contextlib.ExitStack() as stack:

        def target(transport: str, kubeconfig: Path) -> Any:
            if transport == "in process":
                return server(load(home, {}), kubeconfig=kubeconfig).mcp
            if transport == "stdio":
                words = ["-m", "codenb", "serve", "kubernetes", "--kubeconfig", str(kubeconfig)]
                return StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
            return stack.enter_context(_served(kubeconfig))

        yield target


@contextlib.contextmanager
def _served(kubeconfig: Path) -> Iterator[str]:
    port = free_port()
    words = ["-m", "codenb", "serve", "kubernetes", "--kubeconfig", str(kubeconfig), "--http", f"127.0.0.1:{port}"]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)
    try:
        while True:
            assert process.poll() is None, "the server did not start"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(60)
