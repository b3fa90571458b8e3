"""A server as a process of its own, on standard input and output.

Its life ends when its input ends or when it is told to stop, and in both cases a change that is being carried out is
waited for. The SDK reads standard input in a thread that nothing can wake, so a server told to stop would wait for a
line that never comes; here the lines come from a pipe that the event loop watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator

from codenb.servers._base._server import Server

LINE_BYTES = 8 * 1024 * 1024

_log = logging.getLogger(__name__)


async def serve_stdio(server: Server) -> None:
    """Serve one client on standard input and output until it leaves, or until SIGTERM or SIGINT.

    Standard output carries the protocol and nothing else; logs go to standard error.

    Args:
        server: It has the process to itself.

    Raises:
        ConfigError: Its tools do not fit together.
    """
    server.check()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    async with _lines() as lines:
        loop = asyncio.get_running_loop()
        stopping: set[asyncio.Task[None]] = set()

        async def stop(number: signal.Signals) -> None:
            await server.drain()  # first, so that whoever waits for the change still hears of it
            if lines is None:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            else:
                lines.close()

        def told(number: signal.Signals) -> None:
            stopping.add(loop.create_task(stop(number)))

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told, number)
        await server.mcp.run_on_stdio(lines)


class _Lines:
    """Standard input, line by line."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self._reader = reader
        self._transport = transport

    def close(self) -> None:
        """End the lines, as if the client had left."""
        self._transport.close()

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                _log.error("a message of more than %d bytes was dropped", LINE_BYTES)
                continue
            if not line:
                return
            yield line.decode(errors="replace")


@contextlib.asynccontextmanager
async def _lines() -> AsyncIterator[_Lines | None]:
    """Take standard input for the protocol; what this process starts reads an empty one.

    None where it is not a pipe: a file cannot be watched, and a terminal is shared with the shell that is behind us.
    """
    mode = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        yield None
        return
    wire = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(wire, "rb", buffering=0)
    )
    try:
        yield _Lines(reader, transport)
    finally:
        transport.close()
