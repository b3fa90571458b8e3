"""FastMCP beside us: a program that runs in an environment of its own and measures what it is told to, turn by turn.

One JSON object a line comes in, one goes out. FastMCP and the policy checkers want different versions of one library,
so it cannot be imported here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

from fastmcp import Client, FastMCP
from fastmcp.client.transports import StdioTransport
from fastmcp.server.middleware.caching import ResponseCachingMiddleware

_CALLS = {"cached": 0}


def caching(rows: dict[str, Any]) -> FastMCP:
    """A server in process that keeps its answers."""
    server: FastMCP = FastMCP("toy", middleware=[ResponseCachingMiddleware()])

    @server.tool
    async def pods(name: str) -> dict[str, Any]:
        _CALLS["cached"] += 1
        return {**rows, "asked": name}

    @server.tool
    async def slowly(name: str, seconds: float) -> dict[str, Any]:
        _CALLS["cached"] += 1
        await asyncio.sleep(seconds)
        return {**rows, "asked": name}

    return server


async def timed(call: Any) -> float:
    """Seconds that a call took."""
    begun = time.perf_counter()
    await call
    return time.perf_counter() - begun


async def answered(wanted: dict[str, Any], clients: dict[str, Client[Any]], stack: AsyncExitStack) -> Any:
    """Do one thing that is wanted."""
    match wanted:
        case {"open": name, "command": [program, *words], "mode": mode}:
            clients[name] = await stack.enter_async_context(Client(StdioTransport(program, words), mode=mode))
        case {"open": name, "url": url, "mode": mode}:
            clients[name] = await stack.enter_async_context(Client(url, mode=mode))
        case {"open": name, "rows": rows, "mode": mode}:
            clients[name] = await stack.enter_async_context(Client(caching(rows), mode=mode))
        case {"batch": name, "arguments": many}:
            return [await timed(clients[name].call_tool("pods", arguments)) for arguments in many]
        case {"together": name, "callers": callers, "each": each, "seconds": seconds}:
            arguments = {"name": "same", "seconds": seconds}

            async def caller(at: int) -> list[float]:
                own = [
                    arguments if wanted.get("equal") else arguments | {"name": f"{begun} {at} {turn}"}
                    for turn in range(each)
                ]
                return [await timed(clients[name].call_tool("slowly", one)) for one in own]

            before, begun = _CALLS["cached"], time.perf_counter()
            found = await asyncio.gather(*map(caller, range(callers)))
            wall = time.perf_counter() - begun
            return {"wall": wall, "seconds": sum(found, []), "ran": _CALLS["cached"] - before}  # noqa: RUF017
    return None


async def main() -> None:
    """Answer until nothing comes any more."""
    clients: dict[str, Client[Any]] = {}
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            answer = await answered(json.loads(line), clients, stack)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
