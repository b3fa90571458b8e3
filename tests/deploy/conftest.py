"""Embedded clusters behind their real HTTP, and deployments to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.models import Change, ToolCall
from codenb.servers._base._sealing import Sealer
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
from codenb.servers.deployment.kubernetes import ManifestDiff, deployed, diff
from tests.deploy.manifests import read, text_of

Plan = Callable[..., Awaitable[Change]]
Compare = Callable[..., Awaitable[ManifestDiff]]

SEALER = Sealer(b"the key of these tests")


@pytest.fixture
def world() -> Iterator[WorldThread]:
    """A cluster with a shop in it, for one test; its time stands still."""
    with WorldThread("oom", frozen=True) as started:
        yield started


@pytest.fixture
async def cluster(world: WorldThread) -> AsyncIterator[Cluster]:
    """The same, through the real client."""
    async with shared(world.kubeconfig) as opened:
        yield opened


@pytest.fixture
async def viewer(world: WorldThread) -> AsyncIterator[Cluster]:
    """The same, for somebody who may only look."""
    async with shared(world.kubeconfig, "codenb-demo-viewer") as opened:
        yield opened


@pytest.fixture
def plan(cluster: Cluster) -> Plan:
    """Plan the deployment of some documents to namespace shop."""

    async def planned(*documents: str, on: Cluster = cluster, namespace: str | None = "shop", **options: Any) -> Change:
        arguments: dict[str, Any] = {"manifests": [text_of(*documents)], "namespace": namespace, "wait": False}
        call = ToolCall(server="deployment", tool="deploy_kubernetes", arguments=arguments)
        given = {"wait": False} | options
        return await deployed(on, read(*documents), namespace, call=call, sealer=SEALER, **given)

    return planned


@pytest.fixture
def compare(cluster: Cluster) -> Compare:
    """The diff of some documents against namespace shop."""

    async def compared(*documents: str, on: Cluster = cluster, namespace: str | None = "shop") -> ManifestDiff:
        return await diff(on, read(*documents), namespace, sealer=SEALER)

    return compared


async def write(change: Change) -> Any:
    """Carry a planned change out."""
    assert change.write is not None
    return await change.write()


async def apply_as(cluster: Cluster, manager: str, path: str, body: dict[str, Any], *, force: bool = False) -> None:
    """Apply something as somebody else."""
    query = {"fieldManager": manager} | ({"force": "true"} if force else {})
    await cluster.request(
        "PATCH", path, query=query, body=body, content_type="application/apply-patch+yaml", doing="apply as another"
    )
