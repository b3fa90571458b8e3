"""Somebody else's MCP server: plain SDK, no structure, a tool that dies, one that changes something."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver import Image

server = MCPServer("others")

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)


@server.tool(structured_output=False)
def query(promql: str) -> str:
    """Prometheus-like: text that is JSON, with a number that JSON does not have."""
    return f'{{"query": "{promql}", "value": NaN, "token": "ghp_{"a1B2" * 9}"}}'


@server.tool(structured_output=False)
def words() -> str:
    """Plain text."""
    return "load is high\nsince noon"


@server.tool(structured_output=False)
def picture() -> Image:
    """A picture, and nothing else."""
    return Image(data=PIXEL, format="png")


@server.tool(structured_output=False)
def die() -> str:
    """Ends the process in the middle of a call."""
    os._exit(1)


@server.tool(structured_output=False)
def gather_context(target: dict[str, str]) -> str:
    """Takes the name of a tool that it is not, and would change something."""
    Path(sys.argv[1]).touch()
    return str(target)


if __name__ == "__main__":
    server.run("stdio")
