"""Deployments through the two phases of the kernel: previewed, approved, written once; and killed on the way."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

from codenb.demo import WorldThread
from codenb.models import Outcome
from codenb.servers._base import Server
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from tests.deploy import serving
from tests.deploy.manifests import CONFIG, DEPLOYMENT, NAMESPACE, SECRET, SERVICE, text_of

SECRET_TEXT = "correct-horse-battery"


async def approve(_context: object, asked: ElicitRequestParams) -> ElicitResult:
    """Say yes to whatever is asked."""
    reference = asked.requested_schema["properties"]["preview"]["const"]
    return ElicitResult(action="accept", content={"approve": True, "preview": reference, "grant": ""})


async def call(server: Server, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    """Call a tool over a connection of its own, as somebody who approves."""
    async with Client(server.mcp, elicitation_callback=approve) as client:
        return await client.call_tool(tool, arguments)


def said(result: CallToolResult) -> str:
    return " ".join(getattr(block, "text", "") for block in result.content)


@pytest.fixture
def server(world: WorldThread, tmp_path: Path) -> Server:
    """The server of a project folder on the embedded cluster."""
    return serving.server(tmp_path, world.kubeconfig)


@pytest.fixture
def foreign() -> Iterator[WorldThread]:
    """A cluster that is not the embedded one, as far as anybody can tell."""
    with WorldThread("oom", frozen=True, foreign=True) as started:
        yield started


async def test_an_approved_deployment_is_carried_out_and_no_secret_is_kept_of_it(
    world: WorldThread, server: Server, cluster: Cluster, tmp_path: Path
) -> None:
    """The data of a Secret passes through arguments, preview, question, digest and the store; none keeps it."""
    arguments = {"manifests": [text_of(CONFIG, SECRET, DEPLOYMENT)], "namespace": "shop", "wait": False}
    preview = await call(server, "preview_change", {"tool": "deploy_kubernetes", "arguments": arguments})
    result = await call(server, "deploy_kubernetes", arguments)

    assert not result.is_error, said(result)
    outcome = Outcome.from_dict(result.structured_content)
    assert outcome.answer == {"applied": ["ConfigMap shop/web", "Secret shop/web", "Deployment shop/web"]}
    assert world.writes("deployments", "web") == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / ".mcp").rglob("*") if path.is_file())
    for everything in (preview.model_dump_json().encode(), result.model_dump_json().encode(), kept):
        assert SECRET_TEXT.encode() not in everything
    stored = await cluster.get(KINDS["Secret"], "web", "shop")
    assert list(stored["data"]) == ["token"]


async def test_a_deployment_that_fails_answers_its_report_and_its_undo(world: WorldThread, server: Server) -> None:
    """The report is for a model as much as for a person: pod, event and what to call next."""
    good = {"manifests": [DEPLOYMENT], "namespace": "shop", "wait": False}
    await call(server, "deploy_kubernetes", good)
    world.advance(30)
    bad = {"manifests": [DEPLOYMENT.replace(":2.4.0", ":no-such-tag")], "namespace": "shop", "timeout": 10}

    async def later(_done: float, _total: float | None, line: str | None) -> None:
        if line and line.startswith("waiting"):
            world.advance(90)

    async with Client(server.mcp, elicitation_callback=approve) as client:
        result = await client.call_tool("deploy_kubernetes", bad, progress_callback=later)

    assert result.is_error
    assert "cannot pull registry.example/shop/checkout:no-such-tag" in said(result)
    assert "web-" in said(result)
    meta: Any = result.meta
    kept = await server.preview(meta["codenb/error"]["reference"])
    assert kept is not None
    assert kept.outcome is not None
    assert kept.outcome.status == "failed"
    assert kept.outcome.undo is not None
    undone = await call(server, "deploy_kubernetes", kept.outcome.undo.arguments | {"wait": False})
    assert not undone.is_error, said(undone)
    compared = await call(server, "diff_kubernetes", {"manifests": [DEPLOYMENT], "namespace": "shop"})
    assert compared.structured_content is not None
    assert compared.structured_content["changed"] == 0


IN_SHOP = CONFIG.replace("name: web,", "name: web, namespace: shop,")
IN_DEFAULT = CONFIG.replace("name: web,", "name: web, namespace: default,")


@pytest.mark.parametrize(
    ("enabled", "documents", "named"),
    [
        (["shop"], (IN_DEFAULT,), '"default"'),
        (["shop"], (IN_SHOP, IN_DEFAULT), '"default"'),
        (["shop"], (IN_SHOP, NAMESPACE), '"*"'),
        (["shop", "default"], (IN_SHOP, IN_DEFAULT), ""),
        (["*"], (IN_SHOP, NAMESPACE), ""),
    ],
)
async def test_every_namespace_that_is_reached_has_to_be_enabled(
    foreign: WorldThread, tmp_path: Path, enabled: list[str], documents: tuple[str, ...], named: str
) -> None:
    """One that is must not open the door to another, nor to what is in none at all."""
    (tmp_path / "codenb.toml").write_text(f'[changes]\n"{foreign.uid}" = {json.dumps(enabled)}\n')
    server = serving.server(tmp_path, foreign.kubeconfig)

    result = await call(server, "deploy_kubernetes", {"manifests": [text_of(*documents)], "wait": False})

    if named:
        assert result.is_error
        assert "changes are off" in said(result)
        assert f"add {named}" in said(result) or f"[{named}]" in said(result)
    else:
        assert not result.is_error, said(result)
    assert foreign.writes("configmaps", "web") == (0 if named else sum("ConfigMap" in one for one in documents))


async def _killed(folder: Path, world: WorldThread, arguments: dict[str, Any]) -> str:
    """Approve a deployment over a server's pipes and kill the server once it says that it is writing.

    Returns:
        The preview's `DIGEST.ID`.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.deploy.serving", str(folder), str(world.kubeconfig)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    assert process.stdin
    assert process.stdout
    stdin, stdout = process.stdin, process.stdout

    async def say(**message: Any) -> None:
        stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await stdin.drain()

    client = {"name": "by hand", "version": "1"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": client}
    try:
        await say(id=1, method="initialize", params=hello)
        await stdout.readline()
        await say(method="notifications/initialized")
        await say(id=2, method="tools/call", params={"name": "deploy_kubernetes", "arguments": arguments})
        asked = json.loads(await stdout.readline())
        assert "params" in asked, asked
        reference = str(asked["params"]["requestedSchema"]["properties"]["preview"]["const"])
        content = {"approve": True, "preview": reference, "grant": ""}
        await say(id=asked["id"], result={"action": "accept", "content": content})
        while not (folder / "reached").exists():  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        await stdout.read()
        await process.wait()
    return reference


@pytest.mark.parametrize(
    ("gate", "there"),
    [
        ("ConfigMap", []),
        ("Deployment", ["ConfigMap shop/web", "Service shop/web"]),
    ],
)
async def test_after_a_kill_the_outcome_says_exactly_what_is_there(  # noqa: PLR0917  fixtures
    world: WorldThread, server: Server, cluster: Cluster, tmp_path: Path, gate: str, there: list[str]
) -> None:
    """Killed before the first write and between two: what is on the cluster and what is said of it must agree."""
    (tmp_path / f"gate-{gate}").touch()
    arguments = {"manifests": [text_of(CONFIG, SERVICE, DEPLOYMENT)], "namespace": "shop", "wait": False}

    reference = await _killed(tmp_path, world, arguments)

    (tmp_path / f"gate-{gate}").unlink()
    async with Client(server.mcp) as client:
        (content,) = (await client.read_resource(f"preview://{reference}")).contents
    outcome = json.loads(content.text)["outcome"]  # type: ignore[union-attr]
    assert outcome["status"] == "failed"
    assert ("applied in part" if there else "nothing was applied") in outcome["message"]
    kinds = {f"{kind} shop/web": KINDS[kind] for kind in ("ConfigMap", "Service", "Deployment")}
    found = [key for key, kind in kinds.items() if await cluster.find(kind, "web", "shop")]
    assert found == there
    if there:
        assert outcome["answer"] == {"applied": there, "not_applied": ["Deployment shop/web"]}
