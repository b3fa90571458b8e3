"""Who is measured beside us: FastMCP's client in a process of its own, and the toy server that all of them call."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks import toy
from tests.benchmarks.measure import Batch
from tests.ports import free_port

FASTMCP = Path(__file__).resolve().parents[2] / ".parts" / "fastmcp" / "bin" / "python"
STDIO = (sys.executable, "-m", "tests.benchmarks.toy")
ROOT = Path(__file__).resolve().parents[2]

_PATIENCE_S = 60.0


class FastMcp:
    """FastMCP's client, which does what it is told over a pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = count()
        self._open: set[str] = set()

    async def ask(self, **wanted: Any) -> Any:
        """Let it do one thing."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("FastMCP's process ended: see its error above")
        return json.loads(line)

    async def client(self, transport: str, mode: str, url: str) -> str:
        """The name of one of its clients, opened where it is not.

        In process it calls a server of its own, which keeps answers; otherwise the toy server that all others call.

        Args:
            transport: `in process`, `stdio` or `HTTP`.
            mode: Which era of the protocol.
            url: The toy server over HTTP.
        """
        name = f"{transport} {mode}"
        if name not in self._open:
            targets: dict[str, dict[str, Any]] = {
                "in process": {"rows": toy.answer("")},
                "stdio": {"command": STDIO},
                "HTTP": {"url": url},
            }
            await self.ask(open=name, mode=mode, **targets[transport])
            self._open.add(name)
        return name

    def batch(self, name: str, *, same: bool = False) -> Batch:
        """Calls of the tool `pods` through one of its clients.

        Args:
            name: Of the client.
            same: Whether the arguments are equal every time, so that a cache can answer.
        """

        async def batch(calls: int) -> list[float]:
            many = [{"name": "same" if same else f"f{next(self._numbers)}"} for _ in range(calls)]
            found: list[float] = await self.ask(batch=name, arguments=many)
            return found

        return batch


@asynccontextmanager
async def fastmcp() -> AsyncIterator[FastMcp | None]:
    """FastMCP's process; None where it is not installed."""
    if not FASTMCP.exists():
        yield None
        return
    process = await asyncio.create_subprocess_exec(
        str(FASTMCP),
        str(Path(__file__).with_name("fastmcp_peer.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
        limit=64 * 1024 * 1024,
    )
    try:
        yield FastMcp(process)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


@contextmanager
def toy_over_http() -> Iterator[str]:
    """The toy server on loopback; gives its address."""
    port = free_port()
    process = subprocess.Popen([*STDIO, str(port)], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()
