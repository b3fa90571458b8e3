"""Many callers at once: equal calls, which should cost one, and different ones, which should not wait in a queue."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import count
from typing import Any

from tests.benchmarks.calls import TRANSPORTS, bare, hosted
from tests.benchmarks.measure import quantile, together
from tests.benchmarks.peers import FastMcp
from tests.benchmarks.report import Row

EQUAL = 50
MANY = (1, 10, 50, 100, 200)

_SLOWLY_S = 0.05
_EACH = 2


async def coalesced(url: str, peer: FastMcp | None) -> list[Row]:
    """Fifty equal calls at once of a tool that takes 50 ms: how often it ran, on the server's own count.

    Args:
        url: The toy server over HTTP.
        peer: FastMCP, where it is installed; with its caching middleware.
    """
    group = f"{EQUAL} equal calls at once, 50 ms each"
    rows = []
    for transport in ("in process", "stdio", "HTTP"):
        async with hosted(transport, "auto", url) as host:
            before = (await host.call("toy", "counted", fresh=True)).data["calls"]
            wall, seconds = await together(
                lambda host=host: host.call("toy", "slowly", {"name": "equal", "seconds": _SLOWLY_S}), EQUAL, 1
            )
            ran = (await host.call("toy", "counted", fresh=True)).data["calls"] - before
        rows.append(
            Row(
                group,
                f"codenb, {transport}",
                quantile(seconds, 0.5),
                quantile(seconds, 0.95),
                EQUAL / wall,
                goal="runs once",
                met=ran == 1,
                note=f"ran {ran} time{'s' if ran != 1 else ''}",
            )
        )
    if peer is not None:
        name = await peer.client("in process", "auto", url)
        told = await peer.ask(together=name, callers=EQUAL, each=1, seconds=_SLOWLY_S, equal=True)
        rows.append(
            Row(
                group,
                "FastMCP with its cache, in process",
                quantile(told["seconds"], 0.5),
                quantile(told["seconds"], 0.95),
                EQUAL / told["wall"],
                note=f"ran {told['ran']} times",
            )
        )
    return rows


async def growing(url: str, peer: FastMcp | None) -> list[Row]:
    """From 1 to 200 callers with different calls of 50 ms, two each: the host beside one client of the SDK.

    Args:
        url: The toy server over HTTP.
        peer: FastMCP, where it is installed.
    """
    numbers = count()
    rows = []
    for transport in TRANSPORTS:
        group = f"callers at once, {transport}, different calls of 50 ms"
        async with AsyncExitStack() as stack:
            host = await stack.enter_async_context(hosted(transport, "auto", url))
            client = await stack.enter_async_context(bare(transport, "auto", url))
            theirs = await peer.client(transport, "auto", url) if peer is not None else ""
            for callers in MANY:
                rows += await _at_once(group, callers, _contenders(host, client, peer, theirs, numbers))
    return rows


def _contenders(host: Any, client: Any, peer: FastMcp | None, name: str, numbers: Any) -> dict[str, Any]:
    def call(ask: Any) -> Any:
        return lambda callers: together(
            lambda: ask({"name": f"n{next(numbers)}", "seconds": _SLOWLY_S}), callers, _EACH
        )

    found = {
        "the bare SDK": call(lambda arguments: client.call_tool("slowly", arguments)),
        "codenb": call(lambda arguments: host.call("toy", "slowly", arguments)),
    }
    if peer is not None:

        async def theirs(callers: int) -> tuple[float, list[float]]:
            told = await peer.ask(together=name, callers=callers, each=_EACH, seconds=_SLOWLY_S)
            return told["wall"], told["seconds"]

        found["FastMCP"] = theirs
    return found


async def _at_once(group: str, callers: int, contenders: dict[str, Any]) -> list[Row]:
    walls: dict[str, list[float]] = {name: [] for name in contenders}
    every: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(2):
        for name, run in contenders.items():
            wall, seconds = await run(callers)
            walls[name].append(wall)
            every[name] += seconds
    best = {name: min(some) for name, some in walls.items()}
    return [
        Row(
            group,
            f"{callers:>3} callers, {name}",
            quantile(every[name], 0.5),
            quantile(every[name], 0.95),
            callers * _EACH / best[name],
            "" if name == "the bare SDK" else "the bare SDK",
            None if name == "the bare SDK" else best[name] / best["the bare SDK"],
        )
        for name in contenders
    ]
