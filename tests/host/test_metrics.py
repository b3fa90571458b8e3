"""What a host counts for Prometheus, and who may see it."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from codenb.config import ServerSettings
from codenb.errors import BadInput, NotApproved, PermissionMissing, UnknownServer, UnknownTool
from codenb.host import Entry, Host
from codenb.models import Decision
from tests.host.helpers import Journal

LABELS = ("server", "tool", "error_type", "decision", "approver")


@pytest.fixture
def host(make_host: Callable[..., Host], plain: ModuleType, journal: Journal) -> Host:
    """The fixture server in process, its answers kept for longer than any test runs."""
    bare = ServerSettings("plain", "builtin", ttl_s={"*": 600.0})
    return make_host(bare, factories={"plain": lambda: plain.build(journal.path)})


def counted(host: Host) -> dict[tuple[str, ...], float]:
    """The counters that are not 0, by name and label values."""
    samples = [one for family in text_string_to_metric_families(host.metrics.text()) for one in family.samples]
    return {
        (one.name, *(one.labels[name] for name in LABELS if name in one.labels)): one.value
        for one in samples
        if one.name.endswith("_total") and one.value
    }


def decided(**more: Any) -> Decision:
    said = {"approve": True, "digest": "ab" * 32, "by": "ana", "approver": "ask_me", "at": datetime.now(UTC)} | more
    return Decision(**said)


def fetched(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("early", ["looked at before", ""])
async def test_calls_errors_and_cache_are_counted_whenever_somebody_looks_first(host: Host, early: str):
    """Nothing is loaded until the metrics are wanted; the calls before count all the same, and none twice."""
    if early:
        assert not counted(host)
    for _ in range(3):
        await host.call("plain", "add", {"a": 1, "b": 2})
    with pytest.raises(PermissionMissing):
        await host.call("plain", "fail", {"kind": "PermissionMissing"})
    with pytest.raises(NotApproved):
        await host.call("plain", "delete", {"name": "web"})
    host.metrics.decided("plain", decided(approve=False))

    numbers = counted(host)

    assert numbers == counted(host)
    assert {key: count for key, count in numbers.items() if key[1:3] != ("plain", "tools/list")} == {
        ("mcp_tool_calls_total", "plain", "add"): 3,
        ("mcp_cache_requests_total", "plain", "add"): 3,
        ("mcp_cache_hits_total", "plain", "add"): 2,
        ("mcp_tool_calls_total", "plain", "fail"): 1,
        ("mcp_cache_requests_total", "plain", "fail"): 1,
        ("mcp_tool_errors_total", "plain", "fail", "PermissionMissing"): 1,
        ("mcp_tool_calls_total", "plain", "delete"): 1,
        ("mcp_tool_errors_total", "plain", "delete", "NotApproved"): 1,
        ("codenb_decisions_total", "plain", "rejected", "ask_me"): 1,
    }


async def test_what_models_cost_is_counted_and_an_unknown_price_is_not_zero(host: Host):
    """A sum that leaves out what has no price must not look complete, so those calls are counted beside it."""

    async def priced(entry: Entry) -> str:
        entry.cost_usd = Decimal("0.0125")
        return "because of its memory limit"

    async def unpriced(entry: Entry) -> str:
        return "because of its memory limit"

    for do in (priced, priced, unpriced):
        await host.recorded("model", ("scripted", "large"), {"prompt": "why?"}, do)

    assert counted(host) == {
        ("codenb_cost_usd_total", "scripted", "large"): pytest.approx(0.025),
        ("codenb_unpriced_calls_total", "scripted", "large"): 1,
    }


async def test_a_name_that_somebody_made_up_makes_no_series(host: Host):
    """Each label value is kept for good; a loop over made-up names must not fill Prometheus."""
    host.metrics.text()
    for at in range(20):
        with pytest.raises(UnknownTool):
            await host.call("plain", f"made_up_{at}")
        with pytest.raises(UnknownServer):
            await host.call(f"made_up_{at}", "add")
        host.metrics.decided(f"made_up_{at}", decided(approver=f"made_up_{at}"))

    numbers = counted(host)

    assert not [key for key in numbers if "made_up" in str(key)]
    assert numbers["mcp_tool_calls_total", "plain", "other"] == 20
    assert numbers["mcp_tool_calls_total", "other", "other"] == 20
    assert numbers["codenb_decisions_total", "other", "approved", "other"] == 20


async def test_it_can_be_scraped_until_the_host_is_closed(host: Host):
    """A Prometheus beside the notebook reads it while cells run, and nothing listens afterwards."""
    await host.call("plain", "add", {"a": 1, "b": 2})

    url = await host.metrics.serve("127.0.0.1:0")
    status, text = await asyncio.to_thread(fetched, url)
    await host.close()

    assert status == 200
    assert 'mcp_tool_calls_total{server="plain",tool="add"} 1.0' in text
    assert "_created" not in text
    with pytest.raises(urllib.error.URLError, match="refused"):
        await asyncio.to_thread(fetched, url)


async def test_a_page_under_another_name_cannot_read_it(host: Host):
    """A page can have its own name resolved to this machine, and would be the same origin as what listens there."""
    url = await host.metrics.serve("127.0.0.1:0")

    status, text = await asyncio.to_thread(fetched, url, Host="metrics.example.org")

    assert status == 421
    assert "mcp_" not in text


@pytest.mark.parametrize("address", ["9464", "localhost", "127.0.0.1:http", "127.0.0.1:99999", "", "999.0.0.1:9464"])
async def test_an_address_that_is_none_is_refused_in_one_line(host: Host, address: str):
    """A slip in the address must say what to write."""
    with pytest.raises(BadInput, match=r"HOST:PORT"):
        await host.metrics.serve(address, public=True)


async def test_other_machines_are_let_in_only_on_purpose(host: Host):
    """What is counted names servers, tools and costs; nobody publishes that by a slip."""
    with pytest.raises(BadInput, match="public=True"):
        await host.metrics.serve("0.0.0.0:9464")
    first = await host.metrics.serve("127.0.0.1:0")
    taken = first.removeprefix("http://").removesuffix("/metrics")
    with pytest.raises(BadInput, match="cannot be served"):
        await host.metrics.serve(taken)
