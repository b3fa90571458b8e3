"""Embedded worlds behind their real HTTP, and the real client in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, Tool

from codenb.config import load
from codenb.demo import WorldThread
from codenb.servers._base import Server
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
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


Asked = Callable[[object, ElicitRequestParams], Awaitable[ElicitResult]]


@dataclass(frozen=True)
class Caller:
    """Calls tools over a connection of its own each time: a client must be closed by the task that opened it."""

    server: Server
    asked: Asked | None = None

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call one tool."""
        async with Client(self.server.mcp, elicitation_callback=self.asked) as client:
            return await client.call_tool(tool, arguments)

    async def list_tools(self) -> list[Tool]:
        """Every tool."""
        async with Client(self.server.mcp) as client:
            return (await client.list_tools()).tools


async def _approve(_context: object, asked: ElicitRequestParams) -> ElicitResult:
    reference = asked.requested_schema["properties"]["preview"]["const"]
    return ElicitResult(action="accept", content={"approve": True, "preview": reference, "grant": ""})


@pytest.fixture
def client(shop: WorldThread, cluster: Cluster, tmp_path: Path) -> Caller:
    """A client of the server on the shop; `cluster` keeps the connection to it open meanwhile."""
    return Caller(server(load(tmp_path, {}), kubeconfig=shop.kubeconfig))


@pytest.fixture
def approving(world: WorldThread, changing: Cluster, tmp_path: Path) -> Caller:
    """A client that approves whatever it is asked, on a shop that may be changed."""
    return Caller(server(load(tmp_path, {}), kubeconfig=world.kubeconfig), _approve)
