"""A server over a counter in a file: small enough to be read at a glance, real enough to be counted and killed.

Run as a program it serves on standard input and output, or over HTTP: `python toy.py FOLDER [PORT]`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue

from codenb.config import Settings
from codenb.errors import Conflict, PermissionMissing
from codenb.models import Change, Entity, Expectation, Place, SuccessCondition, Target, ToolCall
from codenb.models._base import Model
from codenb.servers._base import Server, changes, make_server, reads, serve_stdio
from codenb.servers._base._http import serve_http
from codenb.views import View

UID = "0b6c2f0e-toy"
SECRET = "ghp_" + "a1B2c3D4e5" * 4

Value = Annotated[int, Field(ge=0, le=100)]


class Count(Model):
    """A counter as it is."""

    name: str
    value: int
    note: str = ""

    def view(self) -> View:
        return View(title=f"{self.name}: {self.value}")


class Gathered(Model):
    """All counters of a namespace."""

    namespace: str
    counters: list[Count]

    def view(self) -> View:
        return View(title=self.namespace)


class Backend:
    """Counters and every write that was ever made to them, in one SQLite file that outlives its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.execute("CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INT, version INT, note TEXT)")
            db.execute("CREATE TABLE IF NOT EXISTS writes (name TEXT, value INT, note TEXT, pid INT)")
            db.execute("CREATE TABLE IF NOT EXISTS reads (name TEXT)")
            db.execute("INSERT OR IGNORE INTO counters VALUES ('checkout', 3, 1, '')")

    def _open(self) -> closing[sqlite3.Connection]:
        db = sqlite3.connect(self.folder / "backend.db", timeout=10, isolation_level=None)
        db.execute("PRAGMA synchronous = OFF")  # it outlives killed processes all the same, and tests are quick
        return closing(db)

    def read(self, name: str) -> tuple[int, int, str]:
        with self._open() as db:
            db.execute("INSERT INTO reads VALUES (?)", (name,))
            return db.execute("SELECT value, version, note FROM counters WHERE name = ?", (name,)).fetchone()

    def write(self, name: str, value: int, *, version: int, note: str = "") -> int:
        """Write when the version is still the one that was read, as an API server does with a resourceVersion."""
        with self._open() as db:
            done = db.execute(
                "UPDATE counters SET value = ?, note = ?, version = version + 1 WHERE name = ? AND version = ?",
                (value, note, name, version),
            )
            if not done.rowcount:
                raise Conflict(f"counter {name!r} moved while it was being written")
            db.execute("INSERT INTO writes VALUES (?, ?, ?, ?)", (name, value, note, os.getpid()))
        return version + 1

    def move(self, name: str, value: int | None = None) -> None:
        """Somebody else's change: of the value, or of nothing that a digest is made of."""
        with self._open() as db:
            db.execute(
                "UPDATE counters SET value = coalesce(?, value), version = version + 1 WHERE name = ?", (value, name)
            )

    def writes(self) -> list[tuple[int, str]]:
        with self._open() as db:
            return db.execute("SELECT value, note FROM writes ORDER BY rowid").fetchall()

    def reads(self) -> int:
        with self._open() as db:
            return int(db.execute("SELECT count(*) FROM reads").fetchone()[0])


class Toy:
    """The tools, bound to one backend; the switches are what a test turns.

    Attributes:
        conflicts: So many writes find that somebody was faster.
        started: Set when a write begins.
        gate: A write waits for it, or for the file `gate` where there is a file `closed`.
    """

    def __init__(self, folder: Path) -> None:
        self.backend = Backend(folder)
        self.conflicts = 0
        self.started = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.address = "http://127.0.0.1:6443"
        self.uid = UID

    async def place(self) -> Place:
        return Place(name="toy", address=self.address, identity=self.uid)

    @reads(ttl_s=2)
    async def get_count(self, name: str, namespace: str = "default") -> Count:
        """How far a counter has come.

        Args:
            name: Counter.
            namespace: Where it is; this line
                goes on.

        Returns:
            Its value.

        Raises:
            PermissionMissing: It may not be read.
        """
        if name == "forbidden":
            raise PermissionMissing(f"you may not read {namespace}/{name}:\n ask for a role with verb 'get'")
        if name == "together":
            async with asyncio.TaskGroup() as group:
                group.create_task(self.get_count("forbidden"))
        if name == "broken":
            raise ValueError(f"disk on fire, token {SECRET}")
        value, _, note = self.backend.read("checkout")
        return Count(name=name, value=value, note=note)

    @reads()
    def noted(self, text: str, times: int = 1) -> dict[str, str]:
        """Say a text again."""
        return {"text": text * times}

    @reads()
    async def gather_context(self, target: Target) -> Gathered:
        """All counters of a namespace."""
        value, _, note = self.backend.read("checkout")
        return Gathered(namespace=target.namespace, counters=[Count(name="checkout", value=value, note=note)])

    @changes(undo="set_count")
    async def set_count(self, name: str, value: Value, namespace: str = "shop", note: str = "") -> Change:
        """Set a counter.

        Args:
            name: Counter.
            value: What it is set to.
            namespace: Where it is.
            note: Kept beside it.
        """
        before, version, old_note = self.backend.read(name)

        async def write() -> JsonValue:
            self.started.set()
            if self.gate is not None:
                await self.gate.wait()
            if (self.backend.folder / "closed").exists():
                (self.backend.folder / "writing").touch()
                while not (self.backend.folder / "gate").exists():  # noqa: ASYNC110  another process opens it
                    await asyncio.sleep(0.02)
            if self.conflicts:
                self.conflicts -= 1
                self.backend.move(name)
            return {"version": self.backend.write(name, value, version=version, note=note)}

        return Change(
            summary=f"set Counter {namespace}/{name} from {before} to {value}",
            entity=Entity(kind="Counter", namespace=namespace, name=name),
            before={"value": before, "note": old_note},
            after={"value": value, "note": note},
            success=SuccessCondition(
                text=f"{name} is {value}",
                check=ToolCall(server="toy", tool="get_count", arguments={"name": name}),
                expect=(Expectation(field="value", value=value),),
            ),
            undo=ToolCall(server="toy", tool="set_count", arguments={"name": name, "value": before}),
        ).written_by(write)

    @changes(destructive=True)
    def restart(self, name: str, fixed: Mapping[str, JsonValue]) -> Change:
        """Restart a counter at a time that the preview settles."""
        value, version, _ = self.backend.read(name)
        at = str(fixed.get("at") or datetime.now(UTC).isoformat())

        async def write() -> JsonValue:
            return self.backend.write(name, value, version=version, note=at)

        return Change(
            summary=f"restart Counter shop/{name}",
            entity=Entity(kind="Counter", namespace="shop", name=name),
            before={"value": value},
            after={"value": value, "restarted": "at the time of the preview"},
            destructive=True,
            fixed={"at": at},
        ).written_by(write)

    @changes()
    async def fail(self, name: str, how: str) -> Change:
        """Fail while writing."""

        async def write() -> JsonValue:
            if how == "forbidden":
                raise PermissionMissing(f"you may not write {name}: ask for a role with verb 'patch'")
            if how == "chatty":
                return "x" * 2_000_000
            if how == "garbled":
                return {"said": "half a character: \ud83d"}
            raise OSError(f"connection reset, token {SECRET}")

        entity = Entity(kind="Counter", namespace="shop", name=name)
        return Change(summary="fail", entity=entity, before=1, after=2).written_by(write)


def settings(folder: Path, **changed: object) -> Settings:
    """A project in which namespace `shop` may be changed."""
    return Settings(**({"home": folder, "changes": {UID: ("shop",)}} | changed))  # type: ignore[arg-type]


def serve(toy: Toy, configured: Settings, **options: object) -> Server:
    """A server over these tools."""
    tools = [toy.get_count, toy.noted, toy.gather_context, toy.set_count, toy.restart, toy.fail]
    return make_server("toy", tools=tools, place=toy.place, settings=configured, **options)  # type: ignore[arg-type]


def main() -> None:
    """Serve as a process."""
    folder = Path(sys.argv[1])
    server = serve(Toy(folder), settings(folder))
    if len(sys.argv) == 2:
        asyncio.run(serve_stdio(server))
    else:
        asyncio.run(serve_http(server, port=int(sys.argv[2])))


if __name__ == "__main__":
    main()
