"""One picture from many servers: no server holds up or fails the others, and every hole is named."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codenb.config import load
from codenb.context import gather
from codenb.errors import BadInput, PermissionMissing, ToolError, UnknownServer
from codenb.host import Host
from codenb.models import ContextBundle, Place, Target, estimate_tokens
from codenb.models.embedded import EMBEDDED_UID
from codenb.servers._base import make_server, reads

OTHERS = Path(__file__).with_name("others.py")
PLACE = Place(name="demo", address="http://127.0.0.1:1", identity=EMBEDDED_UID)
SHOP = Target(namespace="shop", workload="checkout")


@reads()
async def good(target: Target) -> dict[str, Any]:
    """A server that knows where it is."""
    return {
        "place": PLACE.to_dict(),
        "namespace": target.namespace,
        "summary": {"pods": "3 of 3 ready"},
        "lines": [f"line {at} of many words" for at in range(400)],
    }


@reads()
async def holey(target: Target) -> dict[str, Any]:
    """A server that may read some things only."""
    return {"namespace": target.namespace, "missing": {"nodes": "not allowed to list nodes"}}


@reads()
async def slow(target: Target) -> dict[str, Any]:
    """A server that never answers."""
    await asyncio.sleep(60)
    return {"namespace": target.namespace}


@reads()
async def denied(target: Target) -> dict[str, Any]:
    """A server that is not allowed."""
    raise PermissionMissing(f"may not list pods in {target.namespace}: ask for a role\nthat can")


@reads()
async def broken(target: Target) -> dict[str, Any]:
    """A server with a fault."""
    raise ToolError(f"no route to {target.namespace}")


def in_process(folder: Path, *tools: Callable[..., Any]) -> Host:
    """A host with one server for each of these."""

    def factory(tool: Callable[..., Any]) -> Callable[[], Any]:
        settings = load(folder, {}, builtin=())
        return lambda: make_server(tool.__name__, gather=tool, settings=settings).mcp

    return Host(load(folder, {}, builtin=()), servers={tool.__name__: factory(tool) for tool in tools})


@asynccontextmanager
async def with_others(folder: Path, rules: str, *tools: Callable[..., Any]) -> Any:
    """Somebody else's server over stdio, with these rules, beside ours."""
    entry = {"command": sys.executable, "args": [str(OTHERS), str(folder / "changed")]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"others": entry}}))
    (folder / "codenb.toml").write_text(f"[servers.others]\n{rules}\n" if rules else "")
    async with in_process(folder, *tools) as host:
        yield host


def statuses(bundle: ContextBundle) -> dict[str, str]:
    """How each item is."""
    return {item.id: item.status for item in bundle.items}


async def test_no_server_fails_or_holds_up_the_others(tmp_path: Path) -> None:
    """Under an incident something is always down: what there is comes, what is not is named with its reason."""
    async with in_process(tmp_path, good, holey, slow, denied, broken) as host:
        lines: list[str] = []

        bundle = await gather(host, SHOP, per_server_s=3, progress=lines.append)

    assert statuses(bundle) == {
        "good.gather_context": "ok",
        "holey.gather_context": "partial",
        "slow.gather_context": "timeout",
        "denied.gather_context": "denied",
        "broken.gather_context": "error",
    }
    assert bundle.missing["denied.gather_context"] == "denied: may not list pods in shop: ask for a role that can"
    assert "nodes" in bundle.missing["holey.gather_context: part"]
    assert "3 s" in bundle.missing["slow.gather_context"]
    assert "no route to shop" in bundle.missing["broken.gather_context"]
    assert bundle.place == PLACE
    assert len(lines) == 5


async def test_the_whole_deadline_wins_over_each_servers(tmp_path: Path) -> None:
    """A notebook's cell ends when it was said to."""
    async with in_process(tmp_path, good, slow) as host:
        bundle = await gather(host, SHOP, per_server_s=60, deadline_s=3)

    assert statuses(bundle) == {"good.gather_context": "ok", "slow.gather_context": "timeout"}


async def test_a_cancelled_gather_leaves_nothing_running(tmp_path: Path) -> None:
    """The cell was interrupted; the host can be used right after."""
    async with in_process(tmp_path, good, slow) as host:
        before = asyncio.all_tasks()
        run = asyncio.create_task(gather(host, SHOP))
        await asyncio.sleep(0.1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

        assert not [task for task in asyncio.all_tasks() - before if "gather" in repr(task.get_coro())]
        assert statuses(await gather(host, SHOP, servers=["good"])) == {"good.gather_context": "ok"}


async def test_answers_are_kept_within_the_budget(tmp_path: Path) -> None:
    """What was left out stands in the item, and what was kept is counted."""
    async with in_process(tmp_path, good) as host:
        bundle = await gather(host, SHOP, token_budget=500)

    item = bundle.items[0]
    assert item.tokens_kept == estimate_tokens(item.text) <= 500
    assert item.data["lines"][-1] == "line 399 of many words"
    assert "left out" in item.trims[0].method
    assert item.summary == {"pods": "3 of 3 ready"}


async def test_tools_of_other_peoples_servers_take_part_by_rule(tmp_path: Path) -> None:
    """Text that is JSON becomes data, a picture is described, a secret is hidden, two calls of one tool differ."""
    rules = """read_only = ["query", "words", "picture"]
gather = [
    { tool = "query", arguments = { promql = "up{{namespace='{namespace}'}}" } },
    { tool = "query", arguments = { promql = "restarts" } },
    { tool = "query", arguments = { promql = "release {release}" } },
    { tool = "words" },
    { tool = "picture" },
]"""
    async with with_others(tmp_path, rules) as host:
        bundle = await gather(host, SHOP)

    assert list(statuses(bundle).items()) == [
        ("others.query", "ok"),
        ("others.query#2", "ok"),
        ("others.query#3", "missing"),
        ("others.words", "ok"),
        ("others.picture", "ok"),
    ]
    first, _, third, text, picture = bundle.items
    assert first.data["query"] == "up{namespace='shop'}"
    assert first.data["value"] == "NaN"
    assert "ghp_" not in first.text
    assert "no release" in (third.error or "")
    assert text.data == "load is high\nsince noon"
    assert "image/png" in picture.data
    assert bundle.digest


@pytest.mark.usefixtures("no_waits")
async def test_a_server_that_dies_in_the_middle_is_an_error_of_its_own(tmp_path: Path) -> None:
    """Its process is gone, as often as it is started anew; the others' answers are not."""
    rules = 'read_only = ["die"]\ngather = [{ tool = "die" }]'
    async with with_others(tmp_path, rules, good) as host:
        bundle = await gather(host, SHOP, deadline_s=120, per_server_s=120)

    assert statuses(bundle) == {"others.die": "error", "good.gather_context": "ok"}
    died = bundle.item("others.die")
    assert died is not None
    assert died.error_type == "ConnectionLost"


async def test_a_tool_that_only_has_the_name_is_not_called(tmp_path: Path) -> None:
    """A third-party tool counts as a change until it is declared otherwise, whatever it is called."""
    async with with_others(tmp_path, "", good) as host:
        silent = await gather(host, SHOP)
        named = await gather(host, SHOP, servers=["others"])

    assert statuses(silent) == {"good.gather_context": "ok"}
    assert statuses(named) == {"others.gather_context": "missing"}
    assert "[servers.others] gather" in named.missing["others.gather_context"]
    assert not (tmp_path / "changed").exists()


async def test_a_server_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    """A wrong entry in .mcp.json shows in the picture, and where it shows, what to do."""
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"gone": {"command": "no-such-program-here"}}}))
    async with in_process(tmp_path, good) as host:
        bundle = await gather(host, SHOP)

    assert statuses(bundle)["gone.gather_context"] == "error"
    assert "no-such-program-here" in bundle.missing["gone.gather_context"]


async def test_what_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    """A typing error is not a hole in the picture."""
    async with in_process(tmp_path, good) as host:
        with pytest.raises(UnknownServer, match="'goood'"):
            await gather(host, SHOP, servers=["goood"])
        with pytest.raises(BadInput):
            await gather(host, SHOP, token_budget=0)


async def test_no_servers_make_an_empty_bundle(tmp_path: Path) -> None:
    """Nothing could be had, and it says so."""
    async with in_process(tmp_path) as host:
        bundle = await gather(host, SHOP)

    assert bundle.items == ()
    assert "0 of 0 answered" in str(bundle)
