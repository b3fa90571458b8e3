"""One call: through the bare SDK, through the host (a miss, and a hit), and through FastMCP's client.

Everybody calls the same tool with the same 10 KB answer, over the same transport and in the same era of the protocol,
in turns. FastMCP keeps answers in its server, so its hit is measured where that costs it least, in process.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

from mcp import Client, StdioServerParameters

from codenb.config import ServerSettings, Settings
from codenb.host import Host
from tests.benchmarks import toy
from tests.benchmarks.measure import Samples, interleaved, one_by_one
from tests.benchmarks.peers import STDIO, FastMcp
from tests.benchmarks.report import Row

Mode = Literal["auto", "legacy"]
ERAS: dict[Mode, str] = {"auto": "2026", "legacy": "2025"}
TRANSPORTS = ("in process", "stdio", "HTTP")

_HIT_P95_S, _HIT_RATE = 0.5e-3, 10_000
_MISS_S, _MISS_SHARE = 0.3e-3, 1.10


@asynccontextmanager
async def hosted(transport: str, mode: Mode, url: str) -> AsyncIterator[Host]:
    """Our host on the toy server, whose answers may be kept for an hour."""
    declared: dict[str, Any] = {"read_only": ("*",), "ttl_s": {"pods": 3600.0, "slowly": 3600.0}, "mode": mode}
    made = {
        "in process": ServerSettings("toy", "builtin", **declared),
        "stdio": ServerSettings("toy", "stdio", command=STDIO[0], args=STDIO[1:], **declared),
        "HTTP": ServerSettings("toy", "http", url=url, **declared),
    }[transport]
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), servers={"toy": made})
        async with Host(settings, servers={"toy": toy.make} if transport == "in process" else None) as host:
            yield host


def bare(transport: str, mode: Mode, url: str) -> Client:
    """The SDK's own client on the same."""
    target: Any = {
        "in process": toy.make(),
        "stdio": StdioServerParameters(command=STDIO[0], args=list(STDIO[1:])),
        "HTTP": url,
    }[transport]
    return Client(target, mode=mode, cache=None)


async def measured(url: str, peer: FastMcp | None, *, rounds: int, calls: int) -> list[Row]:
    """Every transport in both eras.

    Args:
        url: The toy server over HTTP.
        peer: FastMCP, where it is installed.
        rounds: How often everybody has a turn.
        calls: For each turn.
    """
    rows: list[Row] = []
    for mode, era in ERAS.items():
        for transport in TRANSPORTS:
            samples = await _taking_turns(transport, mode, url, peer, rounds=rounds, calls=calls)
            rows += _rows(f"one call, {transport}, {era} era", samples)
    return rows


async def _taking_turns(
    transport: str, mode: Mode, url: str, peer: FastMcp | None, *, rounds: int, calls: int
) -> dict[str, Samples]:
    numbers = count()
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(hosted(transport, mode, url))
        client = await stack.enter_async_context(bare(transport, mode, url))
        contenders = {
            "the bare SDK": one_by_one(lambda: client.call_tool("pods", {"name": f"s{next(numbers)}"})),
            "codenb, a miss": one_by_one(lambda: host.call("toy", "pods", {"name": f"c{next(numbers)}"})),
            "codenb, a hit": one_by_one(lambda: host.call("toy", "pods", {"name": "same"})),
        }
        if peer is not None:
            name = await peer.client(transport, mode, url)
            if transport == "in process":
                contenders["FastMCP, a hit"] = peer.batch(name, same=True)
            contenders["FastMCP, a miss" if transport == "in process" else "FastMCP"] = peer.batch(name)
        return await interleaved(contenders, rounds=rounds, calls=calls)


def _rows(group: str, samples: dict[str, Samples]) -> list[Row]:
    bare_sdk = samples["the bare SDK"]
    rows = []
    for name, one in samples.items():
        peer, goal, met, note = ("the bare SDK", "", None, "") if one is not bare_sdk else ("", "", None, "")
        if name == "codenb, a miss":
            over = one.over(bare_sdk)
            goal, note = "over the SDK <= 10 % or 0.3 ms", f"{over * 1e3:+.2f} ms"
            met = over <= _MISS_S or one.ratio(bare_sdk) <= _MISS_SHARE
        elif name == "codenb, a hit":
            goal, met = "p95 < 0.5 ms, > 10,000/s", one.p95 < _HIT_P95_S and one.rate > _HIT_RATE
        rows.append(
            Row(group, name, one.p50, one.p95, one.rate, peer, one.ratio(bare_sdk) if peer else None, goal, met, note)
        )
    if (theirs := samples.get("FastMCP, a hit")) is not None:
        ours = samples["codenb, a hit"]
        rows.append(Row(group, "codenb, a hit", ours.p50, ours.p95, ours.rate, "FastMCP, a hit", ours.ratio(theirs)))
    return rows
