"""A server as a process: over pipes and HTTP, left, told to stop, and killed in the middle of a write."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mcp import Client

from codenb.models import Preview
from codenb.servers import Server
from tests.servers_base.people import TOY, Person, error_type, http, read_json, stdio, text
from tests.servers_base.toy import Toy

CALL = {"name": "checkout", "value": 6}


async def until(holds: Any) -> None:
    """Wait until something holds; the test's own time limit is the deadline."""
    while not holds():  # noqa: ASYNC110  another process does it
        await asyncio.sleep(0.02)


async def settled(client: Client, reference: str) -> Any:
    while (kept := await read_json(client, f"preview://{reference}"))["outcome"] is None:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return kept


async def settled_here(server: Server, reference: str) -> Preview:
    while (kept := await server.preview(reference)) is None or kept.outcome is None:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return kept


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_http_a_client_who_disconnects_does_not_stop_the_change(tmp_path: Path, era: str):
    """A laptop that is closed in the middle of a write leaves a whole change behind."""
    toy, person = Toy(tmp_path), Person()
    (tmp_path / "closed").touch()
    with http(tmp_path) as url:
        async with Client(url, mode=era, elicitation_callback=person) as client:
            call = asyncio.create_task(client.call_tool("set_count", CALL))
            await until((tmp_path / "writing").exists)
            call.cancel()
        assert toy.backend.writes() == []
        async with Client(url, mode=era) as client:
            during = await read_json(client, f"preview://{person.references[0]}")
            (tmp_path / "gate").touch()
            await until(toy.backend.writes)
            after = await settled(client, person.references[0])

    assert during["outcome"] is None
    assert toy.backend.writes() == [(6, "")]
    assert after["outcome"]["status"] == "applied"


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_http_a_server_that_is_told_to_stop_finishes_the_change(tmp_path: Path, server: Server, era: str):
    """The process of a web server ends after its changes, not after its connections."""
    toy, person = Toy(tmp_path), Person()
    (tmp_path / "closed").touch()

    async def call(url: str) -> None:
        async with Client(url, mode=era, elicitation_callback=person) as client:
            await client.call_tool("set_count", CALL)

    with http(tmp_path) as url:
        calling = asyncio.create_task(call(url))
        await until((tmp_path / "writing").exists)
        opening = threading.Timer(1.5, (tmp_path / "gate").touch)  # after the connections were given up
        opening.start()
    await asyncio.gather(calling, return_exceptions=True)

    kept = await settled_here(server, person.references[0])
    assert toy.backend.writes() == [(6, "")]
    assert kept.outcome
    assert kept.outcome.status == "applied"


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_stdio_a_client_who_leaves_does_not_stop_the_change(tmp_path: Path, server: Server, era: str):
    """Another host may close its pipes at any time; the process ends after the write."""
    toy, person = Toy(tmp_path), Person()
    (tmp_path / "closed").touch()
    async with Client(stdio(tmp_path), mode=era, elicitation_callback=person) as client:
        call = asyncio.create_task(client.call_tool("set_count", CALL))
        await until((tmp_path / "writing").exists)
        call.cancel()
        asyncio.get_running_loop().call_later(0.3, (tmp_path / "gate").touch)

    await until(toy.backend.writes)
    kept = await settled_here(server, person.references[0])
    assert toy.backend.writes() == [(6, "")]
    assert kept.outcome
    assert kept.outcome.status == "applied"


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_stdio_an_approved_change_is_applied(tmp_path: Path, era: str):
    """`codenb serve` in any host that can ask."""
    toy = Toy(tmp_path)
    async with Client(stdio(tmp_path), mode=era, elicitation_callback=Person()) as client:
        result = await client.call_tool("set_count", CALL)

    assert not result.is_error
    assert toy.backend.writes() == [(6, "")]


async def killed_while_writing(folder: Path, person: Person, number: signal.Signals) -> tuple[int, bytes]:
    """Start the toy by hand, approve a change over its pipes, and send a signal in the middle of the write."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(TOY), str(folder), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    stdin, stdout = process.stdin, process.stdout

    async def say(**message: Any) -> None:
        stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await stdin.drain()

    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "by hand", "version": "1"},
    }
    await say(id=1, method="initialize", params=hello)
    await stdout.readline()
    await say(method="notifications/initialized")
    await say(id=2, method="tools/call", params={"name": "set_count", "arguments": CALL})
    asked = json.loads(await stdout.readline())
    answered = await person(
        None, SimpleNamespace(message=asked["params"]["message"], requested_schema=asked["params"]["requestedSchema"])
    )
    await say(id=asked["id"], result={"action": answered.action, "content": answered.content})
    await until((folder / "writing").exists)
    process.send_signal(number)
    if number is not signal.SIGKILL:
        await asyncio.sleep(0.1)
        assert process.returncode is None
        (folder / "gate").touch()
    rest = await stdout.read()
    return await process.wait(), rest


async def test_what_a_killed_server_had_not_written_is_read_back(tmp_path: Path, server: Server):
    """After `kill -9` no record says whether the write arrived; the state does, and it must not look under way."""
    toy, person = Toy(tmp_path), Person()
    (tmp_path / "closed").touch()
    code, _ = await killed_while_writing(tmp_path, person, signal.SIGKILL)

    kept = await server.preview(person.references[0])
    assert code == -signal.SIGKILL
    assert toy.backend.writes() == []
    assert kept
    assert kept.outcome
    assert kept.outcome.status == "failed"
    assert "nothing was applied" in kept.outcome.message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_that_is_told_to_stop_finishes_the_change_and_answers(
    tmp_path: Path, server: Server, number: signal.Signals
):
    """A rolling update of the server must not tear a change in two."""
    toy, person = Toy(tmp_path), Person()
    (tmp_path / "closed").touch()
    code, rest = await killed_while_writing(tmp_path, person, number)

    kept = await server.preview(person.references[0])
    assert code == 0
    assert toy.backend.writes() == [(6, "")]
    assert b'"status":"applied"' in rest.replace(b'\\"', b'"').replace(b'": "', b'":"')
    assert kept
    assert kept.outcome
    assert kept.outcome.status == "applied"


async def test_what_is_kept_can_be_read_by_its_owner_only(tmp_path: Path, server: Server):
    """Previews tell of clusters, and the state folder may lie in a shared home."""
    async with Client(server.mcp) as client:
        await client.call_tool("preview_change", {"tool": "set_count", "arguments": CALL})

    state = tmp_path / ".mcp"
    assert state.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in state.rglob("*")} == {0}


async def test_a_store_that_cannot_be_written_is_one_line(toy: Toy, server: Server):
    """A full disk or a broken file is said where it is, and nothing is changed."""
    state = toy.backend.folder / ".mcp"
    state.mkdir()
    (state / "previews.db").write_bytes(os.urandom(4096))
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        result = await client.call_tool("set_count", CALL)

    assert error_type(result) == "ConfigError"
    assert str(state / "previews.db") in text(result)
    assert toy.backend.writes() == []
