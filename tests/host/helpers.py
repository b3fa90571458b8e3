"""What the host's tests share: where the servers are, waiting, processes."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.ports import free_port

SERVERS = Path(__file__).parent / "servers"
PATIENCE_S = 60.0
"""How long a test waits for what must happen; a liveness bound, not a measurement."""


@dataclass
class Journal:
    """What the servers noted since the test began."""

    path: Path
    start: int = 0

    def lines(self) -> list[str]:
        return self.path.read_text()[self.start :].splitlines()


async def eventually(true: Callable[[], Any], what: str) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not true():  # noqa: ASYNC110  other processes set no events
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"waited in vain: {what}")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def serve(kind: str, journal: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the fixture server over HTTP; returns its process and its address once it listens."""
    port = free_port()
    command = [sys.executable, str(SERVERS / "plain.py"), kind, str(journal), str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return process, f"http://127.0.0.1:{port}/mcp"
        time.sleep(0.05)
    process.kill()
    pytest.fail("the fixture server did not come up")


def children() -> list[int]:
    """The processes that this one started and that are still there."""
    return sorted(child.pid for child in psutil.Process().children())


def started_since(before: list[int]) -> list[int]:
    """The processes that were started; one of before may end meanwhile, a moment after it was left."""
    return [one for one in children() if one not in before]


def connections() -> set[tuple[object, object]]:
    """Both ends of every connection that this process has, whatever state it is in."""
    return {(one.laddr, one.raddr) for one in psutil.Process().net_connections()}


async def nothing_since(before: list[int]) -> None:
    """Wait until no child of this process runs that was not there before; servers end a moment after they are left."""
    await eventually(lambda: not [one for one in started_since(before) if alive(one)], "all to have ended")


def command(pid: int) -> str:
    """What a process was started with; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
