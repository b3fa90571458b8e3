"""What a server counts for Prometheus, over the protocol, in both eras."""

from __future__ import annotations

import asyncio

import pytest
from mcp import Client
from prometheus_client.parser import text_string_to_metric_families

from codenb.errors import CodenbError
from codenb.servers import Server
from codenb.servers._base._metrics import ToolMetrics
from tests.servers_base.people import Person

LABELS = ("server", "tool", "error_type")


def counted(metrics: ToolMetrics) -> dict[tuple[str, ...], float]:
    """The counters that were scraped, by name and label values."""
    text, kind = metrics.exposition()
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    return {
        (one.name, *(one.labels[name] for name in LABELS if name in one.labels)): one.value
        for one in samples
        if one.name.endswith(("_total", "_count")) and one.value
    }


@pytest.fixture
def metrics(server: Server) -> ToolMetrics:
    """What the toy server counts to."""
    server.mcp.metrics = made = ToolMetrics()
    return made


async def test_calls_and_errors_are_counted_by_server_and_tool(server: Server, metrics: ToolMetrics, mode: str):
    """Alerts are made of these names; a tool that says no has failed although the protocol carried its answer."""
    async with Client(server.mcp, mode=mode) as client:
        await client.call_tool("get_count", {"name": "checkout"})
        await client.call_tool("get_count", {"name": "checkout"})
        await client.call_tool("get_count", {"nmae": "b"})

    assert counted(metrics) == {
        ("mcp_tool_calls_total", "toy", "get_count"): 3,
        ("mcp_tool_duration_seconds_count", "toy", "get_count"): 3,
        ("mcp_tool_errors_total", "toy", "get_count", "BadInput"): 1,
    }


async def test_a_name_that_a_caller_made_up_makes_no_series(server: Server, metrics: ToolMetrics, mode: str):
    """Each label value is kept for good: a caller who counts up in the tool's name must not fill the memory."""
    async with Client(server.mcp, mode=mode) as client:
        for at in range(20):
            await client.call_tool(f"made_up_{at}", {})

    assert counted(metrics) == {
        ("mcp_tool_calls_total", "toy", "other"): 20,
        ("mcp_tool_duration_seconds_count", "toy", "other"): 20,
        ("mcp_tool_errors_total", "toy", "other", "UnknownTool"): 20,
    }


async def test_a_change_counts_once_although_its_newer_protocol_has_two_rounds(
    server: Server, metrics: ToolMetrics, mode: str
):
    """The first round of the newer protocol comes back with the question; the call is over with the second."""
    async with Client(server.mcp, mode=mode, elicitation_callback=Person()) as client:
        answer = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert not answer.is_error
    assert counted(metrics)["mcp_tool_calls_total", "toy", "set_count"] == 1


def test_an_error_type_that_is_not_ours_counts_as_other():
    """What a server sends as its error's name is text from outside."""
    metrics = ToolMetrics()

    metrics.observe("toy", "get", 0.1, "x" * 1000)
    metrics.observe("toy", "get", 0.1, "PermissionMissing")

    errors = {key[-1] for key in counted(metrics) if key[0] == "mcp_tool_errors_total"}
    assert errors == {"other", "PermissionMissing"}


def test_what_is_raised_or_cancelled_is_an_error():
    """A call that was given up is one that somebody waited for in vain."""
    metrics = ToolMetrics()

    for error in (asyncio.CancelledError(), CodenbError("no"), ValueError("what?")):
        with pytest.raises(type(error)), metrics.observing("toy", "get"):
            raise error

    errors = {key[-1] for key in counted(metrics) if key[0] == "mcp_tool_errors_total"}
    assert errors == {"CancelledError", "CodenbError", "other"}


def test_two_sets_of_servers_count_apart():
    """In one process a host, its servers and a served one stand side by side, and no call may count twice."""
    one, other = ToolMetrics(), ToolMetrics()

    one.observe("toy", "get", 0.1, None)

    assert counted(one)
    assert not counted(other)
