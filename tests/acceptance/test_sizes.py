"""What a host pays for our servers before anything is asked: their tools, in every conversation."""

from __future__ import annotations

import pytest
from mcp import Client

from codenb.servers.deployment import server as deployment
from codenb.servers.kubernetes import server as kubernetes

LARGEST = {kubernetes: 22_500, deployment: 13_000}
"""Bytes of all descriptions and schemas; six servers together are to stay under 60 KB."""


@pytest.mark.parametrize("module", LARGEST)
async def test_the_tools_of_a_server_take_little_room(module):
    """One more paragraph in a docstring is paid for by every question that anybody asks a model."""
    async with Client(module.server().mcp) as client:
        tools = (await client.list_tools()).tools

    sizes = {tool.name: len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools}
    assert sum(sizes.values()) < LARGEST[module], sizes
