"""What a notebook writes into the audit log: who decided, and of how it ended what no server says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError as RefusedBySdk

from codenb.access import AuditLog, Permits, Principal
from codenb.actions import demo_policy, execute, none, propose
from codenb.config import load
from codenb.errors import ConfigError, NotApproved, PermissionMissing, ToolError
from codenb.host import TRACE_ID, Answered, Ask, Host
from codenb.host._cassette import Cassette
from codenb.host._playback import Playback
from codenb.models import ToolCall

SEND = ToolCall(server="other", tool="send", arguments={"to": "ops", "token": "ghp_" + "a1B2c3D4e5" * 4})


def scale(replicas: int) -> ToolCall:
    return ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": replicas})


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """The project's."""
    return AuditLog(tmp_path / ".mcp" / "audit")


def told(log: AuditLog) -> list[tuple[str, str]]:
    """Who says what, in order."""
    return [(one.event.source, one.event.kind) for one in log.entries()]


def fill(log: AuditLog) -> None:
    """Let no entry be written any more."""
    log.path.mkdir(parents=True, mode=0o700)


@asynccontextmanager
async def third_party(folder: Path, sent: list[str], fault: Exception | None = None) -> AsyncIterator[Host]:
    """A host with somebody else's server, which keeps no log and asks nobody."""
    server = MCPServer("other")

    @server.tool()
    async def send(to: str, token: str) -> str:
        """Send a message."""
        sent.append(to)
        if fault:
            raise fault
        return f"sent to {to}"

    (folder / ".mcp.json").write_text('{"mcpServers": {}}')
    async with Host(load(folder, {}, builtin=()), servers={"other": lambda: server}) as host:
        yield host


async def test_a_change_is_told_once_by_whoever_knows(host: Host, log: AuditLog):
    """The decision and the verification are the notebook's, all between is the server's; nothing stands there twice."""
    given = TRACE_ID.set("5" * 32)
    try:
        await execute(host, [await propose(host, scale(6))], demo_policy())
    finally:
        TRACE_ID.reset(given)

    entries = log.entries()
    assert told(log) == [
        ("host", "decided"),
        ("server", "asked"),
        ("server", "approved"),
        ("server", "applied"),
        ("host", "verified"),
    ]
    assert len({one.event.reference.partition(".")[0] for one in entries if one.event.reference}) == 1
    decided = entries[0].event
    assert (decided.approve, decided.by, decided.proof, decided.approver) == (
        True,
        "demo policy",
        "policy",
        "demo_policy",
    )
    assert decided.trace_id == "5" * 32
    assert log.verify() is None


async def test_a_rejection_is_written_with_its_reason(host: Host, log: AuditLog, says: Any):
    """A no that was given in a notebook never reaches a server."""
    await execute(host, [await propose(host, scale(6))], says("no"))

    (entry,) = log.entries()
    assert (entry.event.kind, entry.event.approve, entry.event.by) == ("decided", False, "the test")
    assert "rejected by the test" in entry.event.message


async def test_what_nobody_decided_is_no_decision(host: Host, log: AuditLog, tmp_path: Path):
    """A nightly run that waits writes `pending.json`, and not a line a night into the log."""
    await execute(host, [await propose(host, scale(6))], none(tmp_path / "pending.json"))

    assert len(log.entries()) == 0


async def test_no_grant_reaches_the_log(host: Host, log: AuditLog, says: Any):
    """A signed approval is a credential until it is used."""

    class Granting(says):  # type: ignore[misc]
        async def decide(self, request: Any) -> Any:
            return (await super().decide(request)).model_copy(update={"grant": "header.payload.signature"})

    await execute(host, [await propose(host, scale(6))], Granting("yes"))

    assert "header.payload.signature" not in log.path.read_bytes().decode(errors="replace")


async def test_an_approval_that_cannot_be_written_down_changes_nothing(host: Host, log: AuditLog, shop: Any):
    """A full disk stops changes; it does not hide them."""
    proposal = await propose(host, scale(6))
    fill(log)
    outcomes = await execute(host, [proposal], demo_policy())

    assert [one.status for one in outcomes] == ["refused"]
    assert "a change that cannot be recorded is not made; nothing was changed" in outcomes[0].message
    assert shop.get()["writes"] == 0


async def test_a_lost_answer_is_written_by_the_notebook(stdio_host: Any, log: AuditLog, shop: Any):
    """The server died with its answer, so nobody else can say that it is not known."""
    shop.set(fault="die before")
    async with stdio_host() as host:
        proposal = (await propose(host, scale(6))).model_copy(update={"success": None})
        outcomes = await execute(host, [proposal], demo_policy())

    assert outcomes[0].status != "applied"
    assert told(log)[:3] == [("host", "decided"), ("server", "asked"), ("server", "approved")]
    assert told(log)[-1] == ("host", outcomes[0].status)


async def test_a_change_of_a_third_party_is_written_by_the_host(tmp_path: Path, log: AuditLog):
    """Its server keeps no log of ours; before it is sent there is an entry, and after it another."""
    sent: list[str] = []
    async with third_party(tmp_path, sent) as host:
        await host.change(SEND, lambda _: asyncio.sleep(0, Answered(approve=True)))

    assert told(log) == [("host", "approved"), ("host", "applied")]
    assert log.entries()[0].event.call.startswith("other.send(to='ops', token='<redacted:")
    assert sent == ["ops"]


async def test_a_change_of_a_third_party_that_fails_says_why(tmp_path: Path, log: AuditLog):
    """An approval without an end would look as if it were still under way."""
    async with third_party(tmp_path, [], RefusedBySdk("no such room")) as host:
        with pytest.raises(ToolError):
            await host.change(SEND, lambda _: asyncio.sleep(0, Answered(approve=True)))

    assert told(log) == [("host", "approved"), ("host", "failed")]
    assert "no such room" in log.entries()[-1].event.message


async def test_a_third_party_is_not_called_where_it_cannot_be_written(tmp_path: Path, log: AuditLog):
    """Of somebody else's tool the log is the only trace that there is."""
    sent: list[str] = []
    fill(log)
    async with third_party(tmp_path, sent) as host:
        with pytest.raises(ConfigError, match="a change that cannot be recorded is not made"):
            await host.change(SEND, lambda _: asyncio.sleep(0, Answered(approve=True)))

    assert sent == []


async def test_a_no_to_a_third_party_is_no_change(tmp_path: Path, log: AuditLog):
    """Who said it is written with the decision, where one was made in a notebook."""

    async def no(_: Ask) -> bool:
        return False

    async with third_party(tmp_path, []) as host:
        with pytest.raises(NotApproved):
            await host.change(SEND, no)

    assert len(log.entries()) == 0


async def test_a_call_that_the_host_denies_is_written(toy: Any, tmp_path: Path, shop: Any, log: AuditLog):
    """A notebook that was given little and asks for much is worth a look."""
    eve = Principal("eve", proof="token", permits=Permits(tools=("toy/status",)))
    settings = load(tmp_path, {}, builtin=())
    async with Host(settings, servers={"toy": lambda: toy.make(tmp_path).mcp}, principal=eve) as host:
        await host.call("toy", "status", {"name": "web"})
        with pytest.raises(PermissionMissing):
            await host.call("toy", "recall", {"key": "x"})
        with pytest.raises(PermissionMissing):
            await host.read("toy", "memory://toy")

    assert told(log) == [("host", "denied"), ("host", "denied")]
    assert [(one.event.principal, one.event.tool) for one in log.entries()] == [
        ("eve", "recall"),
        ("eve", "resources/read"),
    ]


async def test_a_change_that_the_host_denies_is_written(toy: Any, tmp_path: Path, shop: Any, log: AuditLog):
    """Denied reads were in the audit log, and the denied change, for which one looks into it, was not."""
    eve = Principal("eve", proof="token", permits=Permits(tools=("toy/status", "toy/preview_change")))
    settings = load(tmp_path, {}, builtin=())
    async with Host(settings, servers={"toy": lambda: toy.make(tmp_path).mcp}, principal=eve) as host:
        with pytest.raises(PermissionMissing):
            await host.change(scale(6), lambda _: asyncio.sleep(0, Answered(approve=True)))

    assert [(one.event.kind, one.event.principal, one.event.tool) for one in log.entries()] == [
        ("denied", "eve", "scale")
    ]


async def test_servers_in_process_write_whose_change_it_is(toy: Any, tmp_path: Path, shop: Any, log: AuditLog):
    """The token said ops, and so did the host; the server beside it wrote that `local` had asked and changed."""
    ops = Principal("ops", proof="token", permits=Permits(tools=("toy/*",)))
    settings = load(tmp_path, {}, builtin=())
    async with Host(settings, servers={"toy": lambda: toy.make(tmp_path).mcp}, principal=ops) as host:
        await host.change(scale(6), lambda _: asyncio.sleep(0, Answered(approve=True)))

    assert [(one.event.kind, one.event.principal) for one in log.entries()] == [
        ("asked", "ops"),
        ("approved", "ops"),
        ("applied", "ops"),
    ]


async def test_in_a_replay_nothing_is_written(host: Host, tmp_path: Path, log: AuditLog):
    """The log tells what was done to a cluster; playing a recording does nothing to any."""

    class Playing(Cassette):
        plays = True

    host.record(Playing())
    await execute(host, [await propose(host, scale(6))], demo_policy())

    assert Playback.plays
    assert {source for source, _ in told(log)} == {"server"}, "this one has a live server behind it"
