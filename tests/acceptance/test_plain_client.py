"""An approved change over a plain SDK client, against the real server and an API server that counts what is written.

The kernel's own tests do the same with a counter in a file; here it is the change a person approves.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from codenb.demo import WorldThread
from tests.acceptance.conftest import Line, Reach
from tests.servers_base.people import Person, error_type, read_json, yes
from tests.servers_base.test_replay import Round

SCALE = ("scale_deployment", {"name": "checkout", "replicas": 6, "namespace": "shop"})
RESTART = ("restart_deployment", {"name": "checkout", "namespace": "shop"})


def writes(world: WorldThread) -> int:
    """How often checkout was written, as the API server counted."""
    return world.writes("deployments/scale", "checkout") + world.writes("deployments", "checkout")


@pytest.mark.parametrize(
    ("transport", "call"), [("in process", SCALE), ("in process", RESTART), ("stdio", SCALE), ("http", SCALE)]
)
async def test_a_last_round_sent_again_and_again_changes_the_cluster_once(
    world: WorldThread, reach: Reach, transport: str, call: tuple[str, dict[str, Any]]
) -> None:
    """Two sends at once, as an impatient client makes them, and one more when it is over."""
    async with Client(reach(transport, world.kubeconfig), elicitation_callback=Person()) as client:
        last = await Round.first(client, call)
        together = await asyncio.gather(last.send(client), last.send(client))
        late = await last.send(client)
        kept = await read_json(client, f"preview://{last.reference}")

    assert writes(world) == 1
    assert sorted(result.is_error for result in together) == [False, True]
    assert {error_type(result) for result in (*together, late) if result.is_error} == {"PreviewUsed"}
    assert kept["outcome"]["status"] == "applied"


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("transport", ["in process", "stdio", "http"])
async def test_a_client_who_leaves_while_it_is_applied_leaves_a_whole_change(
    world: WorldThread, line: Line, reach: Reach, transport: str, era: str
) -> None:
    """The network stands still between the approval and the write; whoever comes back asks what came of it."""
    person = Person(lambda message, reference: _approved(line, message, reference))
    target = reach(transport, line.kubeconfig)
    async with Client(target, mode=era, elicitation_callback=person) as client:
        call = asyncio.create_task(client.call_tool(*SCALE))
        while not _consumed(line.kubeconfig.parent):  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.02)
        call.cancel()
        asyncio.get_running_loop().call_later(0.3, line.let_go)
    async with Client(target, mode=era) as client:
        while (kept := await read_json(client, f"preview://{person.references[0]}"))["outcome"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    assert kept["outcome"]["status"] == "applied"
    assert writes(world) == 1


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_call_cancelled_while_it_is_applied_is_applied_all_the_same(
    world: WorldThread, line: Line, reach: Reach, era: str
) -> None:
    """The person interrupts the cell; on the same connection the outcome is first open, then known."""
    person = Person(lambda message, reference: _approved(line, message, reference))
    async with Client(reach("stdio", line.kubeconfig), mode=era, elicitation_callback=person) as client:
        call = asyncio.create_task(client.call_tool(*SCALE))
        while not _consumed(line.kubeconfig.parent):  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.02)
        call.cancel()
        during = await read_json(client, f"preview://{person.references[0]}")
        before = writes(world)
        line.let_go()
        while (kept := await read_json(client, f"preview://{person.references[0]}"))["outcome"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    assert (during["outcome"], before) == (None, 0)
    assert (kept["outcome"]["status"], writes(world)) == ("applied", 1)


def _approved(line: Line, message: str, reference: str) -> Any:
    line.hold()
    return yes(message, reference)


def _consumed(home: Path) -> bool:
    """Whether the approval was used: from then on nobody can stop the change."""
    path = home / ".mcp" / "previews.db"
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path)) as db:
        try:
            return bool(db.execute("SELECT 1 FROM previews WHERE used IS NOT NULL").fetchone())
        except sqlite3.OperationalError:  # its table is made a moment after the file
            return False
