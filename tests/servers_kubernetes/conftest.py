"""Embedded worlds behind their real HTTP, and the real client in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult

from codenb.config import load
from codenb.demo import WorldThread
from codenb.servers._clients.cluster import Cluster, shared
from codenb.servers.kubernetes.server import server


@pytest.fixture(scope="session")
def worlds() -> Iterator[Callable[[str], WorldThread]]:
    """One world a scenario for every test that only reads; its time stands still."""
    started: dict[str, WorldThread] = {}
    with ExitStack() as stack:

        def world_of(scenario: str) -> WorldThread:
            if scenario not in started:
                started[scenario] = stack.enter_context(WorldThread(scenario, frozen=True))
            return started[scenario]

        yield world_of


@pytest.fixture
def shop(worlds: Callable[[str], WorldThread]) -> WorldThread:
    """The shop whose checkout is out of memory, to be read only."""
    return worlds("oom")


@pytest.fixture
def world() -> Iterator[WorldThread]:
    """The same shop, for one test to change."""
    with WorldThread("oom", frozen=True) as started:
        yield started


@pytest.fixture
async def cluster(shop: WorldThread) -> AsyncIterator[Cluster]:
    """The shop through the real client."""
    async with shared(shop.kubeconfig) as opened:
        yield opened


@pytest.fixture
async def changing(world: WorldThread) -> AsyncIterator[Cluster]:
    """A shop that may be changed, through the real client."""
    async with shared(world.kubeconfig) as opened:
        yield opened


@pytest.fixture
async def client(shop: WorldThread, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of the server on the shop."""
    made = server(load(tmp_path, {}), kubeconfig=shop.kubeconfig)
    async with Client(made.mcp) as opened:
        yield opened


@pytest.fixture
async def approving(world: WorldThread, tmp_path: Path) -> AsyncIterator[Client]:
    """A client that approves whatever it is asked, on a shop that may be changed."""

    async def approve(_context: object, asked: ElicitRequestParams) -> ElicitResult:
        reference = asked.requested_schema["properties"]["preview"]["const"]
        return ElicitResult(action="accept", content={"approve": True, "preview": reference, "grant": ""})

    made = server(load(tmp_path, {}), kubeconfig=world.kubeconfig)
    async with Client(made.mcp, elicitation_callback=approve) as opened:
        yield opened
