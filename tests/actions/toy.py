"""A small real system and its server: replica counts in a file, which several processes can read and write.

Run as a program it serves over stdio. Faults are asked for in the same file, so that a test can choose the moment in
which the process dies or dawdles.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from codenb.config import load
from codenb.errors import Conflict, ConnectionLost, PermissionMissing, ServerError
from codenb.models import Change, Entity, Expectation, Place, SuccessCondition, Target, ToolCall
from codenb.models.embedded import EMBEDDED_UID
from codenb.servers._base import Server, make_server, serve_stdio

START: dict[str, Any] = {"web": 3, "api": 2, "ready_lag": 0, "writes": 0, "fault": ""}


class Shop:
    """The system: a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "shop.json"
        if not self.file.exists():
            self.put(START)

    def get(self) -> dict[str, Any]:
        return json.loads(self.file.read_text())

    def put(self, state: dict[str, Any]) -> None:
        beside = self.file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(state))
        beside.replace(self.file)

    def set(self, **values: Any) -> None:
        self.put(self.get() | values)


def make(folder: Path, *, identity: str = EMBEDDED_UID, name: str = "toy") -> Server:
    """The shop's server; its state and its previews are kept in the folder."""
    shop = Shop(folder)

    async def place() -> Place:
        return Place(name="toy", address="http://127.0.0.1:1", identity=identity)

    server = make_server(name, place=place, settings=load(folder, {}, builtin=()))

    @server.reads(ttl_s=60)
    async def status(name: str) -> dict[str, Any]:
        """How many replicas are wanted, and how many of them are ready."""
        state = shop.get()
        if state["ready_lag"]:
            shop.set(ready_lag=state["ready_lag"] - 1)
        ready = 0 if state["ready_lag"] else state[name]
        return {"name": name, "wanted": state[name], "ready": ready}

    @server.reads()
    async def gather_context(target: Target) -> dict[str, Any]:
        """The shop."""
        state = shop.get()
        return {
            "place": (await place()).to_dict(),
            "namespace": target.namespace,
            "summary": {"web": f"{state['web']} replicas"},
        }

    @server.changes(undo="scale")
    async def scale(name: str, replicas: int) -> Change:
        """Set how many replicas there are."""
        return _scaled(shop, name, replicas)

    @server.changes(destructive=True)
    async def drop(name: str) -> Change:
        """Lose everything of one name."""
        return _scaled(shop, name, 0).model_copy(update={"destructive": True}).written_by(_write(shop, name, 0, {}))

    return server


def _scaled(shop: Shop, name: str, replicas: int) -> Change:
    state = shop.get()
    change = Change(
        summary=f"scale {name} from {state[name]} to {replicas}",
        entity=Entity(kind="Deployment", name=name, namespace="shop"),
        before={"replicas": state[name]},
        after={"replicas": replicas},
        success=SuccessCondition(
            text=f"all {replicas} replicas of {name} are ready",
            check=ToolCall(server="toy", tool="status", arguments={"name": name}),
            expect=(
                Expectation(field="wanted", value=replicas),
                Expectation(field="ready", op=">=", value="$wanted"),
            ),
            within_s=5,
        ),
        undo=ToolCall(server="toy", tool="scale", arguments={"name": name, "replicas": state[name]}),
    )
    return change.written_by(_write(shop, name, replicas, state))


async def _dawdle(folder: Path, *, until_told: bool) -> None:
    """Say that the write has begun, and take some time, or until there is a file `go`."""
    (folder / "writing").touch()
    await asyncio.sleep(0.02 if until_told else 0.6)
    while until_told and not (folder / "go").exists():  # noqa: ASYNC110  the test makes it
        await asyncio.sleep(0.02)


def _write(shop: Shop, name: str, replicas: int, seen: dict[str, Any]) -> Any:
    async def write() -> dict[str, Any]:
        state = shop.get()
        fault = state["fault"]
        if seen and state[name] != seen[name]:
            raise Conflict(f"{name} was written meanwhile")
        if fault == "die before":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "fail":
            raise ServerError("the disk is full")
        if fault == "forbidden":
            raise PermissionMissing("you may not write web: ask for a role")
        if fault == "in doubt":
            shop.set(**{name: replicas, "writes": state["writes"] + 1, "fault": ""})
            raise ConnectionLost("the system went away")
        if fault in {"slow", "held"}:
            await _dawdle(shop.file.parent, until_told=fault == "held")
        shop.set(**{name: replicas, "writes": state["writes"] + 1, "fault": ""})
        if fault == "die after":
            os.kill(os.getpid(), signal.SIGKILL)
        return {"replicas": replicas}

    return write


if __name__ == "__main__":
    asyncio.run(serve_stdio(make(Path(sys.argv[1]))))
