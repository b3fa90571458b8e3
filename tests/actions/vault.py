"""Keys in a file, rotated one after the other with a secret: a change of several parts that can stop in the middle.

Run as a program it serves over stdio, or over HTTP: `python vault.py FOLDER [PORT]`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from codenb.config import load
from codenb.errors import ChangeFailed, ServerError
from codenb.models import Change, Entity, Place, ToolCall
from codenb.servers._base import Server, make_server, progress, serve_stdio


class Vault:
    """The keys: a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "vault.json"
        if not self.file.exists():
            self.put({"a": 1, "b": 1, "c": 1})

    def get(self) -> dict[str, int]:
        return json.loads(self.file.read_text())

    def put(self, keys: dict[str, int]) -> None:
        beside = self.file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(keys))
        beside.replace(self.file)

    def set(self, **keys: int) -> None:
        self.put(self.get() | keys)


def shown(secrets: dict[str, str]) -> dict[str, Any]:
    """What stands in place of the secrets."""
    key = b"of this test"
    return {
        name: f"hmac-sha256:{hmac.new(key, one.encode(), hashlib.sha256).hexdigest()}" for name, one in secrets.items()
    }


def workspace(folder: Path) -> Place:
    """A place of its own, as a Terraform workspace is."""
    return Place(
        kind="workspace", name="dev", address=str(folder / "dev"), identity=f"terraform:local:{folder / 'dev'}:default"
    )


def make(folder: Path) -> Server:
    """The vault's server; its state and its previews are kept in the folder."""
    vault = Vault(folder)
    settings = load(folder, {}, builtin=("vault",))
    server = make_server("vault", settings=settings)

    async def write(names: list[str], value: int, how: str, secrets: dict[str, str]) -> dict[str, Any]:
        if how == "quote":
            raise ServerError(f"the system does not take {secrets}")
        if how == "crash":
            raise RuntimeError(f"bad value {next(iter(secrets.values()))}")
        for at, name in enumerate(names, start=1):
            vault.set(**{name: value})
            await progress(f"{at} of {len(names)} keys are rotated {''.join(secrets.values())}".strip(), at, len(names))
            if how == "fail":
                told = {"applied": [name], "not_applied": names[at:], "log": ["password=hunter2hunter2"]}
                raise ChangeFailed(f"key {names[at]} was not rotated: the disk is full", told | {"with": secrets})
            if how == "die":
                os.kill(os.getpid(), signal.SIGKILL)
        await progress("looking whether they open")
        return {"rotated": names, "with": secrets}

    @server.changes(undo="rotate")
    async def rotate(
        names: list[str],
        value: int,
        secrets: dict[str, str] | None = None,
        how: str = "",
        unattended: bool = False,  # noqa: FBT001, FBT002  an argument of a tool
    ) -> Change:
        """Rotate keys."""
        await progress("reading the keys")
        keys, given = vault.get(), secrets or {}
        dev = folder / "dev"
        change = Change(
            summary=f"rotate {', '.join(names)} with {', '.join(given.values()) or 'nothing'}",
            entity=Entity(kind="Keys", name="all"),
            before={f"Key {name}": {"value": keys[name]} for name in names},
            after={f"Key {name}": {"value": value, "with": given} for name in names}
            if given
            else {f"Key {name}": {"value": value} for name in names},
            undo=ToolCall(server="vault", tool="rotate", arguments={"names": names, "value": keys[names[0]]}),
            shown_arguments={"secrets": shown(given)} if given else {},
            notes=("every client has to log in again",),
            place=workspace(folder) if how == "elsewhere" else None,
            destructive=how == "destroy",
            auto_approved_by=(settings.servers["vault"].auto_approves(dev) or str(dev)) if unattended else None,
        )
        return change.written_by(lambda: write(names, value, how, given))

    return server


def main() -> None:
    """Serve as a process."""
    server = make(Path(sys.argv[1]))
    if len(sys.argv) == 2:
        asyncio.run(serve_stdio(server))
        return
    import uvicorn  # noqa: PLC0415

    app = server.mcp.streamable_http_app()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
