"""What a host pays for our servers before anything is asked: their tools, in every conversation."""

from __future__ import annotations

import jsonschema
import pytest
from mcp import Client

from codenb.servers.deployment import server as deployment
from codenb.servers.kubernetes import server as kubernetes

LARGEST = {kubernetes: 15_000, deployment: 10_000}
"""Bytes of all descriptions and schemas; six servers together are to stay under 60 KB."""

OF_EVERY_SERVER = ("preview_change", "remember", "recall", "forget")


@pytest.mark.parametrize("module", LARGEST)
async def test_the_tools_of_a_server_take_little_room(module):
    """One more paragraph in a docstring is paid for by every question that anybody asks a model."""
    async with Client(module.server().mcp) as client:
        tools = (await client.list_tools()).tools

    sizes = {tool.name: len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools}
    assert sum(sizes.values()) < LARGEST[module], sizes
    assert sum(sizes[name] for name in OF_EVERY_SERVER) <= 1_500, sizes


@pytest.mark.parametrize("module", LARGEST)
async def test_short_schemas_are_schemas(module):
    """What was cut away must leave JSON Schema behind: hosts refuse a server for one that is none."""
    async with Client(module.server().mcp) as client:
        tools = (await client.list_tools()).tools

    for tool in tools:
        assert tool.description, tool.name
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object", tool.name
        assert all("type" in one or one.keys() & {"anyOf", "$ref"} for one in _named(tool)), tool.name


def _named(tool):
    """Arguments of a tool; a note may be any JSON, so it has no type."""
    arguments = tool.input_schema.get("properties", {})
    return [one for name, one in arguments.items() if (tool.name, name) != ("remember", "value")]
