"""A stdio server that is killed again and again: reads, previewed changes, and a tool that says nothing of itself.

What a change does is a line in a file, written with one call: the file tells what was done, how
often, and by which process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from codenb.config import load
from codenb.models import Change, Entity, Place, SuccessCondition
from codenb.models.embedded import EMBEDDED_UID
from codenb.servers._base import Server, make_server, serve_stdio

DONE = "done"
_LATE_S = 0.2


def make(folder: Path) -> Server:
    """Make the server; its previews and the file of what was done are in the folder."""

    async def place() -> Place:
        return Place(name="tally", address="http://127.0.0.1:1", identity=EMBEDDED_UID)

    def note(token: str) -> None:
        file = os.open(folder / DONE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{token} {os.getpid()}\n".encode())
        os.close(file)

    server = make_server("tally", place=place, settings=load(folder, {}, builtin=()))

    @server.reads()
    async def look(at: int) -> int:
        """Say what was asked, a little later."""
        await asyncio.sleep(0.005)
        return at

    @server.changes()
    async def add(token: str) -> Change:
        """Write one line, once it is approved."""

        async def write() -> dict[str, str]:
            note(token)
            await asyncio.sleep(_LATE_S)  # in which it is killed between doing it and saying so
            return {"token": token}

        return Change(
            summary=f"add {token}",
            entity=Entity(kind="Line", name=token),
            before={},
            after={"token": token},
            success=SuccessCondition(text=f"{token} is written"),
        ).written_by(write)

    @server.mcp.tool()
    async def scribble(token: str) -> str:
        """Write one line, without asking."""
        note(token)
        await asyncio.sleep(_LATE_S)
        return token

    return server


if __name__ == "__main__":
    asyncio.run(serve_stdio(make(Path(sys.argv[1]))))
