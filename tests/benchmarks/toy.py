"""A server that does next to nothing, so that what is measured is the way to it: in process, over stdio, over HTTP.

`python -m tests.benchmarks.toy` serves it over stdio, with a port over HTTP.
"""

from __future__ import annotations

import sys
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.types import ToolAnnotations

ROWS = 16
"""Of the answer: about 10 KB on the wire, where the SDK says it twice, as data and as text."""

_READS = ToolAnnotations(read_only_hint=True)
_KIND = {"codenb/kind": "reads"}


def answer(name: str) -> dict[str, Any]:
    """What a list of pods looks like."""
    row = {"phase": "Running", "ready": True, "containers": "1/1", "restarts": 0, "age_s": 518400, "node": "node-1"}
    rest = {"reason": "", "last_state": "", "owner": "Deployment shop/checkout", "labels": {"app": "checkout"}}
    return {"asked": name, "pods": [{"name": f"checkout-75799748cb-{at:05}"} | row | rest for at in range(ROWS)]}


def make() -> MCPServer:
    """The server; each counts its own calls."""
    server = MCPServer("toy", log_level="ERROR")
    counts = {"calls": 0}

    @server.tool(annotations=_READS, meta=_KIND)
    async def pods(name: str) -> dict[str, Any]:
        """About 10 KB, at once."""
        counts["calls"] += 1
        return answer(name)

    @server.tool(annotations=_READS, meta=_KIND)
    async def slowly(name: str, seconds: float) -> dict[str, Any]:
        """The same after a while, in which others are served."""
        counts["calls"] += 1
        await anyio.sleep(seconds)
        return answer(name)

    @server.tool(annotations=_READS, meta=_KIND)
    async def counted() -> dict[str, int]:
        """How often the others ran."""
        return dict(counts)

    return server


def main() -> None:
    """Serve over stdio, or over HTTP on the port that is given."""
    if len(sys.argv) > 1:
        make().run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        make().run("stdio")


if __name__ == "__main__":
    main()
