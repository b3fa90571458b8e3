"""A host that other people wrote, as a program: FastMCP's client calls what it is told to and prints what came back.

It runs in an environment of its own, because FastMCP and the policy checkers want different versions of one library.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError


async def approve(message: str, response_type: type, params: Any, context: Any) -> dict[str, Any]:
    """A person who says yes to whatever is asked."""
    return {"approve": True, "preview": params.requested_schema["properties"]["preview"]["const"]}


async def main(wanted: dict[str, Any]) -> dict[str, Any]:
    """List the tools, then call each one that is wanted, in order."""
    command, *words = wanted["command"]
    handler = {"elicitation_handler": approve} if wanted["approves"] else {}
    results = []
    async with Client(StdioTransport(command, words), mode=wanted["mode"], **handler) as client:
        tools = [tool.name for tool in await client.list_tools()]
        for name, arguments in wanted["calls"]:
            try:
                answer = await client.call_tool(name, arguments)
                results.append({"answer": answer.structured_content})
            except ToolError as error:
                results.append({"error": str(error)})
    return {"tools": tools, "results": results}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
