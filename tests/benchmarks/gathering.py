"""Gathering context: from six servers with a real spread of speed, and from the embedded world.

The six take from 40 to 120 ms, as servers that ask other systems do; at once, a gather should take little longer than
the slowest of them. One after the other is measured beside it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import anyio
from mcp.server import MCPServer

import codenb
from codenb.config import Settings
from codenb.context import gather
from codenb.host import Host
from tests.benchmarks import toy
from tests.benchmarks.measure import interleaved, one_by_one
from tests.benchmarks.report import Row

DELAYS_S = (0.04, 0.06, 0.07, 0.08, 0.1, 0.12)

_GROUP = "gather"


async def measured(rounds: int) -> list[Row]:
    """Six servers at once and one after the other; kept answers; the embedded world."""
    target = codenb.Target(namespace="shop", workload="checkout")
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        factories = {f"server-{at}": _factory(f"server-{at}", delay) for at, delay in enumerate(DELAYS_S, 1)}
        async with Host(settings, servers=factories) as host:
            spread, bundles = await _six(host, target, rounds)
            warm = (await interleaved({"warm": one_by_one(lambda: gather(host, target))}, rounds=rounds, calls=20))[
                "warm"
            ]
    slowest = [max(item.latency_ms for item in bundle.items) / 1e3 for bundle in bundles]
    share = median(bundle.wall_ms / 1e3 / most for bundle, most in zip(bundles, slowest, strict=True))
    at_once, in_turn = spread["at once"], spread["one after the other"]
    saved = 1 - at_once.ratio(in_turn)
    return [
        Row(
            _GROUP,
            "six servers at once, asked anew",
            at_once.p50,
            at_once.p95,
            at_once.rate,
            goal="<= 1.15 x the slowest",
            met=share <= 1.15,
            note=f"{share:.2f} x",
        ),
        Row(
            _GROUP,
            "six servers, one after the other",
            in_turn.p50,
            in_turn.p95,
            in_turn.rate,
            "at once",
            1 / at_once.ratio(in_turn),
            "70 % saved",
            saved >= 0.7,
            f"{saved:.0%} saved",
        ),
        Row(
            _GROUP,
            "six servers, answers at hand",
            warm.p50,
            warm.p95,
            warm.rate,
            goal="p95 < 20 ms, > 1,000/s",
            met=warm.p95 < 0.02 and warm.rate > 1_000,
        ),
        *await _embedded(target, rounds),
    ]


async def _six(host: Host, target: codenb.Target, rounds: int) -> tuple[dict[str, Any], list[Any]]:
    bundles: list[Any] = []

    async def at_once() -> None:
        bundles.append(await gather(host, target, fresh=True))

    async def in_turn() -> None:
        for name in host.servers:
            await gather(host, target, servers=[name], fresh=True)

    contenders = {"at once": one_by_one(at_once), "one after the other": one_by_one(in_turn)}
    found = await interleaved(contenders, rounds=rounds, calls=3)
    return found, bundles


async def _embedded(target: codenb.Target, rounds: int) -> list[Row]:
    """What a user of the demo waits for: the two built-in servers on the embedded cluster."""
    async with codenb.connect("demo") as nb:
        contenders = {
            "asked anew": one_by_one(lambda: gather(nb.host, target, fresh=True)),
            "at hand": one_by_one(lambda: gather(nb.host, target)),
        }
        found = await interleaved(contenders, rounds=rounds, calls=5)
    names = {"asked anew": "the embedded world, asked anew", "at hand": "the embedded world, 5 within two seconds"}
    return [Row(_GROUP, names[name], one.p50, one.p95, one.rate) for name, one in found.items()]


def _factory(name: str, delay_s: float) -> Callable[[], MCPServer]:
    @codenb.reads(ttl_s=3600)
    async def gather_context(target: dict[str, Any]) -> dict[str, Any]:
        """About 10 KB after a while."""
        await anyio.sleep(delay_s)
        return toy.answer(str(target.get("namespace"))) | {"at": time.time()}

    def make() -> MCPServer:
        return codenb.make_server(name, gather=gather_context).mcp

    return make
