"""A server of codenb's kind by its wire contract alone, made with nothing but the SDK; in process, stdio and HTTP."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp_types import CallToolResult, ImageContent, ResourceLink, TextContent, ToolAnnotations
from pydantic import create_model

READS = {"codenb/kind": "reads", "codenb/version": "1"}
CHANGES = {"codenb/kind": "changes", "codenb/version": "1"}
MEMORY = {"codenb/kind": "memory", "codenb/version": "1"}
DIGEST, PREVIEW_ID = "ab" * 32, "preview-1"
REFERENCE = f"{DIGEST}.{PREVIEW_ID}"
PIXEL = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()


Approval = create_model("Approval", approve=(bool, ...), preview=(Literal[REFERENCE], ...), grant=(str, ""))


def ask(name: str) -> Elicit[Approval]:
    return Elicit(f"delete {name}?", Approval)


def build(journal: Path) -> MCPServer:  # noqa: C901, PLR0915  a list of tools
    """Make the server; what happens to it is written to the journal, one line each."""
    server = MCPServer("plain", log_level="ERROR")

    def note(line: str) -> None:
        with journal.open("a") as file:
            file.write(f"{line}\n")

    @server.tool(meta=READS, annotations=ToolAnnotations(read_only_hint=True))
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool(meta=READS)
    async def rows(count: int) -> list[dict[str, int]]:
        """A list of objects."""
        return [{"at": at} for at in range(count)]

    @server.tool(meta=READS)
    async def wait(seconds: float) -> str:
        """Wait, and note when cancelled."""
        note(f"waiting {os.getpid()}")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            note("cancelled")
            raise
        return "waited"

    @server.tool(meta=READS)
    async def big(characters: int) -> str:
        """A long text."""
        return "x" * characters

    @server.tool(meta=READS)
    async def pid() -> int:
        """The process."""
        return os.getpid()

    @server.tool(meta=READS)
    async def die() -> str:
        """End the process in the middle of a call."""
        sys.stderr.write("the database is on fire\n")
        os._exit(3)

    @server.tool(meta=READS)
    def stumble(word: str) -> str:
        """Be killed in the middle of the first call with this word, and answer the next."""
        again = f"stumbled {word}\n" in journal.read_text()
        note(f"stumbled {word}")
        if not again:
            os.kill(os.getpid(), signal.SIGKILL)
        return "went on"

    @server.tool(meta=READS)
    async def fail(kind: str) -> CallToolResult:
        """Say no, as a server of codenb's kind does."""
        return CallToolResult(
            is_error=True,
            content=[TextContent(text=f"it may not be ({kind}): do something else")],
            _meta={"codenb/error": {"type": kind}},
        )

    @server.tool(meta=READS)
    async def picture() -> list[TextContent | ImageContent | ResourceLink]:
        """Text, a picture and a link."""
        return [
            TextContent(text="see below"),
            ImageContent(data=PIXEL, mime_type="image/png"),
            ResourceLink(uri="https://example.com/board", name="the board"),
        ]

    @server.tool(meta=READS)
    async def secret() -> dict[str, str]:
        """A password that must not be shown."""
        return {"user": "admin", "password": "hunter2-correct-horse"}

    @server.tool(meta=MEMORY)
    async def remember(note_text: str) -> str:
        """Keep a note."""
        note(f"remembered {note_text}")
        return "kept"

    @server.tool(meta=CHANGES, annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
    async def delete(name: str, approval: Annotated[Approval, Resolve(ask)]) -> str:
        """Delete something, after asking."""
        if not approval.approve:
            raise ValueError("not approved")
        note(f"deleted {name} grant={approval.grant}")
        return f"deleted {name}"

    @server.tool(meta=CHANGES)
    async def delete_slowly(name: str, approval: Annotated[Approval, Resolve(ask)]) -> str:
        """Delete something after asking, and answer late."""
        note(f"deleted {name}")
        await asyncio.sleep(60)
        return f"deleted {name}"

    @server.tool()
    async def unmarked(name: str, ctx: Context) -> str:
        """A tool that says nothing of itself."""
        note(f"unmarked {name}")
        return f"did {name}"

    @server.resource("about://server")
    def about() -> str:
        return '{"name": "plain", "version": "1"}'

    @server.resource("thing://{name}")
    def thing(name: str) -> str:
        return f"a {name}"

    @server.prompt()
    def greet(name: str) -> str:
        """Say hello."""
        return f"Hello, {name}"

    return server


if __name__ == "__main__":
    kind, path, *rest = sys.argv[1:]
    made = build(Path(path))
    if kind == "stdio":
        made.run("stdio")
    else:
        made.run("streamable-http", host="127.0.0.1", port=int(rest[0]))
