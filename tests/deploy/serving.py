"""A server with the two tools of this room, small enough to be read at a glance, real enough to be killed.

Run as a program it serves on standard input and output: `python serving.py FOLDER KUBECONFIG`. Where the file
FOLDER/gate-NAME lies, the write of the object NAME waits, after it has said so by FOLDER/reached, and is never made.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from codenb.config import Settings, load
from codenb.models import Change, Place, ToolCall
from codenb.servers._base import Server, changes, make_server, reads, serve_stdio
from codenb.servers._base._sealing import Sealer
from codenb.servers._clients.applying import Applied
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import Kind
from codenb.servers._manifests import Manifests, parse
from codenb.servers.deployment import kubernetes
from codenb.servers.deployment.kubernetes import ManifestDiff


class Gated(Cluster):
    """A cluster whose writes of some objects never come through."""

    folder: Path

    async def apply(
        self, kind: Kind, name: str, namespace: str | None, body: dict[str, Any], *, force: bool, dry_run: bool
    ) -> Applied:
        if not dry_run and (self.folder / f"gate-{kind.kind}").exists():
            (self.folder / "reached").touch()
            await asyncio.Event().wait()
        return await super().apply(kind, name, namespace, body, force=force, dry_run=dry_run)


class Tools:
    """The tools over one cluster."""

    def __init__(self, folder: Path, kubeconfig: Path, settings: Settings, context: str | None) -> None:
        self._settings = settings
        self._folder = folder
        self._kubeconfig, self._context = kubeconfig, context

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.cluster = Gated(self._kubeconfig, self._context)
        self.cluster.folder = self._folder
        yield
        await self.cluster.close()

    async def place(self) -> Place:
        return await self.cluster.place()

    @reads
    async def diff_kubernetes(self, manifests: list[str], namespace: str | None = None) -> ManifestDiff:
        """What deploying would change."""
        return await kubernetes.diff(self.cluster, _read(manifests), namespace, sealer=Sealer.of(self._settings))

    @changes(undo="deploy_kubernetes")
    async def deploy_kubernetes(
        self,
        manifests: list[str],
        namespace: str | None = None,
        *,
        wait: bool = True,
        timeout: int = 300,  # noqa: ASYNC109  the tool's argument
        prune: bool = False,
        force_conflicts: bool = False,
    ) -> Change:
        """Apply manifests."""
        arguments: dict[str, Any] = {
            "manifests": manifests,
            "namespace": namespace,
            "wait": wait,
            "timeout": timeout,
            "prune": prune,
            "force_conflicts": force_conflicts,
        }
        return await kubernetes.deployed(
            self.cluster,
            _read(manifests),
            namespace,
            wait=wait,
            timeout_s=timeout,
            prune=prune,
            force_conflicts=force_conflicts,
            call=ToolCall(server="deployment", tool="deploy_kubernetes", arguments=arguments),
            sealer=Sealer.of(self._settings),
        )


def _read(manifests: list[str]) -> Manifests:
    return parse("\n---\n".join(manifests), "web.yaml")


def server(folder: Path, kubeconfig: Path, context: str | None = None) -> Server:
    """The server of a project folder."""
    settings = load(folder, {})
    tools = Tools(folder, kubeconfig, settings, context)
    return make_server(
        "deployment",
        tools=[tools.diff_kubernetes, tools.deploy_kubernetes],
        place=tools.place,
        settings=settings,
        lifespan=tools.lifespan,
    )


if __name__ == "__main__":
    asyncio.run(serve_stdio(server(Path(sys.argv[1]), Path(sys.argv[2]))))
