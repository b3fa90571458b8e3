"""Hosts that other people wrote, with our server behind them."""

from __future__ import annotations

import sys

import pytest

from codenb.demo import WorldThread
from tests.other_people.fastmcps import fastmcp

pytestmark = pytest.mark.parts


def serving(world: WorldThread) -> list[str]:
    """`codenb serve kubernetes`, as a host's configuration starts it."""
    return [sys.executable, "-m", "codenb", "serve", "kubernetes", "--kubeconfig", str(world.kubeconfig)]


async def test_fastmcps_client_lists_and_calls_our_tools():
    """The server is for any MCP host, not only for our own."""
    with WorldThread("oom") as world:
        tools, [pods] = await fastmcp(serving(world), [("get_pods", {"namespace": "shop"})])

    assert {"get_pods", "diagnose", "scale_deployment", "preview_change"} <= tools
    assert any(row["name"].startswith("checkout-") for row in pods["answer"]["pods"])


async def test_fastmcps_client_cannot_change_anything_without_an_approval():
    """A host that cannot ask a person gets no change, whatever it sends."""
    scale = ("scale_deployment", {"name": "checkout", "namespace": "shop", "replicas": 6})
    with WorldThread("oom") as world:
        _, [refused] = await fastmcp(serving(world), [scale])

        assert "error" in refused
        assert world.writes("deployments/scale", "checkout") + world.writes("deployments", "checkout") == 0
