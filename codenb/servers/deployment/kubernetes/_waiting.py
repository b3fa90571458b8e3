"""Waiting until what was applied is there: definitions served, workloads ready."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from codenb.errors import CodenbError, ConnectFailed, DeadlineExceeded, ToolError
from codenb.servers._base._progress import progress
from codenb.servers._clients.cluster import Cluster
from codenb.servers.deployment.kubernetes._wanted import Wanted
from codenb.servers.deployment.kubernetes._workloads import Progress, progress_of

ESTABLISHED_S = 60.0
_FIRST_S, _LONGEST_S = 0.2, 2.0

_PASSING = (ConnectFailed, DeadlineExceeded, ToolError)
"""What goes away by itself; a look that failed so is repeated until the time is over."""


async def rolled_out(cluster: Cluster, wanted: Sequence[Wanted], timeout_s: float) -> dict[str, Progress]:
    """Wait until every workload is ready, one has failed for good, or the time is over.

    Args:
        cluster: Where.
        wanted: The workloads.
        timeout_s: In seconds.

    Returns:
        How far each has come at the end, by its key.
    """
    loop = asyncio.get_running_loop()
    until, pause, told = loop.time() + timeout_s, _FIRST_S, ""
    seen = {one.key: Progress(ready=False, counts="not looked at yet") for one in wanted}
    while True:
        for key, now in zip(seen, await asyncio.gather(*(_look(cluster, one) for one in wanted)), strict=True):
            seen[key] = now or seen[key]
        ready = sum(one.ready for one in seen.values())
        if (line := _line(seen)) != told:
            told = line
            await progress(line, done=ready, total=len(seen))
        left = until - loop.time()
        if ready == len(seen) or any(one.failed for one in seen.values()) or left <= 0:
            return seen
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_S)


async def established(cluster: Cluster, wanted: Wanted) -> bool:
    """Wait until a custom resource definition is established and its kinds are served.

    Returns:
        Whether they are, within a minute.
    """
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + ESTABLISHED_S, _FIRST_S
    while True:
        found = await cluster.find(wanted.kind, wanted.name)
        if found is not None and _is_established(found) and await _is_served(cluster, found):
            return True
        if loop.time() >= until:
            return False
        await progress(f"waiting for {wanted.key} to be established")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_S)


async def _look(cluster: Cluster, wanted: Wanted) -> Progress | None:
    """How far one has come; None where that cannot be told at this moment."""
    try:
        found = await cluster.find(wanted.kind, wanted.name, wanted.namespace)
    except _PASSING:
        return None
    except CodenbError as error:
        return Progress(ready=False, failed=True, message=str(error))
    return (
        Progress(ready=False, failed=True, message="it was deleted meanwhile") if found is None else progress_of(found)
    )


def _is_established(found: dict[str, Any]) -> bool:
    conditions = (found.get("status") or {}).get("conditions") or []
    return any((one.get("type"), one.get("status")) == ("Established", "True") for one in conditions)


async def _is_served(cluster: Cluster, found: dict[str, Any]) -> bool:
    spec = found["spec"]
    served = [one["name"] for one in spec.get("versions") or [] if one.get("served")]
    kinds = [await cluster.served(spec["names"]["kind"], f"{spec['group']}/{version}") for version in served]
    return all(kind is not None for kind in kinds)


def _line(seen: dict[str, Progress]) -> str:
    waiting = [f"{key} {one.counts}" for key, one in seen.items() if not one.ready]
    if not waiting:
        return f"all {len(seen)} workloads are ready" if len(seen) > 1 else f"{next(iter(seen))} is ready"
    more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""  # noqa: PLR2004  a line is short
    return f"waiting for {', '.join(waiting[:3])}{more}"
