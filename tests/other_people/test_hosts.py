"""Hosts that other people wrote, with our server behind them."""

from __future__ import annotations

import sys

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

from codenb.demo import WorldThread


def serving(world: WorldThread) -> StdioTransport:
    """`codenb serve kubernetes`, as a host's configuration starts it."""
    words = ["-m", "codenb", "serve", "kubernetes", "--kubeconfig", str(world.kubeconfig)]
    return StdioTransport(sys.executable, words)


async def test_fastmcps_client_lists_and_calls_our_tools():
    """The server is for any MCP host, not only for our own."""
    with WorldThread("oom") as world:
        async with Client(serving(world)) as client:
            tools = {tool.name for tool in await client.list_tools()}
            pods = await client.call_tool("get_pods", {"namespace": "shop"})

    assert {"get_pods", "diagnose", "scale_deployment", "preview_change"} <= tools
    assert any(row["name"].startswith("checkout-") for row in pods.structured_content["pods"])


async def test_fastmcps_client_cannot_change_anything_without_an_approval():
    """A host that cannot ask a person gets no change, whatever it sends."""
    with WorldThread("oom") as world:
        async with Client(serving(world)) as client:
            with pytest.raises(ToolError):
                await client.call_tool("scale_deployment", {"name": "checkout", "namespace": "shop", "replicas": 6})

        assert world.writes("deployments/scale", "checkout") + world.writes("deployments", "checkout") == 0
