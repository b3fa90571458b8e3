"""Sessions over servers in process, written down and played back, and what two runs may differ in."""

from __future__ import annotations

import runpy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from codenb.access import LOCAL, Principal
from codenb.config import load
from codenb.host import Host
from codenb.session import Session
from codenb.session._replay import recorded, replayed

TESTS = Path(__file__).resolve().parents[1]
TOY = runpy.run_path(str(TESTS / "actions" / "toy.py"))
VAULT = runpy.run_path(str(TESTS / "actions" / "vault.py"))
PLAIN = runpy.run_path(str(TESTS / "host" / "servers" / "plain.py"))

_WALL = frozenset({"gathered_at", "latency_ms", "wall_ms", "at", "started_at", "duration_ms"})


def servers(folder: Path) -> dict[str, Any]:
    """Factories of the test servers, by name; their state is in the folder."""
    return {
        "toy": lambda: TOY["make"](folder).mcp,
        "vault": lambda: VAULT["make"](folder).mcp,
        "plain": lambda: PLAIN["build"](folder / "journal"),
    }


@asynccontextmanager
async def recording(
    folder: Path, file: Path, *names: str, principal: Principal = LOCAL, **changes: Any
) -> AsyncIterator[Session]:
    """A session on some of the servers whose calls are written to a file; `changes` are to its settings."""
    settings = replace(load(folder, {}, builtin=()), **changes)
    made = servers(folder)
    host = Host(settings, servers={name: made[name] for name in names}, principal=principal)
    await host.open()
    session = Session(host, settings, [])
    try:
        await recorded(session, file, folder)
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def replaying(file: Path, *, record: Path | None = None, where: str = "") -> AsyncIterator[Session]:
    """A session that is played back."""
    session = await replayed(file, where=where, project=file.parent, record=record)
    try:
        yield session
    finally:
        await session.close()


def without_wall_times(value: Any) -> Any:
    """JSON data without what a second run cannot have in common with the first."""
    if isinstance(value, Mapping):
        return {key: without_wall_times(inner) for key, inner in value.items() if key not in _WALL}
    if isinstance(value, list | tuple):
        return [without_wall_times(inner) for inner in value]
    return value
