"""A million calls in one session: what their records cost, and how fast they are a table.

A session keeps the latest records only; what matters is that the ones before them leave nothing behind.
"""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import psutil

from codenb.config import Settings
from codenb.host import Entry, Host
from tests.benchmarks.measure import one_by_one, quantile
from tests.benchmarks.report import Row

MILLION = 1_000_000

_GROUP = "records"
_MEBI = 1024 * 1024
_LARGEST_MIB = 64
_BREATH = 1_000


async def measured(many: int = MILLION) -> list[Row]:
    """Record calls that do nothing, then make a table of what is kept.

    Args:
        many: How many calls.
    """
    host = Host(Settings(home=Path.cwd()))
    calls = host.calls

    async def nothing(entry: Entry) -> None:
        entry.bytes = 10_240

    before, begun = _resident(), time.perf_counter()
    for at in range(many):
        if at % _BREATH == 0:
            await asyncio.sleep(0)  # as any session does; a loop that never turns keeps what it would throw away
        await host.recorded("tool", ("kubernetes", "get_pods"), {"arguments": {"namespace": "shop"}}, nothing)
    each = (time.perf_counter() - begun) / many
    grown = (_resident() - before) / _MEBI
    calls.frame()  # imports pandas
    frames = [await _seconds(calls.frame) for _ in range(5)]
    views = [await _seconds(calls._repr_mimebundle_) for _ in range(5)]
    return [
        Row(_GROUP, f"recording one of {many:,} calls", each, rate=1 / each),
        Row(
            _GROUP,
            f"memory after {many:,} calls",
            goal=f"< {_LARGEST_MIB} MiB more",
            met=grown < _LARGEST_MIB,
            note=f"{grown:.0f} MiB, {len(calls):,} records kept",
        ),
        Row(_GROUP, f"frame() of {len(calls):,} records", quantile(frames, 0.5), quantile(frames, 0.95)),
        Row(_GROUP, "their view as HTML", quantile(views, 0.5), quantile(views, 0.95)),
    ]


async def _seconds(do: object) -> float:
    async def call() -> None:
        assert callable(do)
        do()

    return (await one_by_one(call)(1))[0]


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
