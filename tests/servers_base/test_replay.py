"""One approval, one change: however often, by whomever and wherever the answer is sent.

In the 2026 protocol a call ends with a question and comes again with the answer; that last round can be sent again
for ten minutes. Found by replaying one: without a store, the same change was made three times.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitResult, InputRequiredResult

from codenb.models import Preview
from codenb.servers._base import Server
from tests.servers_base.people import TOY, Person, error_type, http, read_json, stdio, text, yes
from tests.servers_base.toy import Toy

CALL = {"name": "checkout", "value": 6}
AGAIN = ("PreviewUsed", "PreviewStale")


class Round:
    """The last round of an approved call, as it goes over the wire."""

    def __init__(self, asked: InputRequiredResult, answer: ElicitResult | None = None) -> None:
        ((key, request),) = asked.input_requests.items()
        self.reference = request.params.requested_schema["properties"]["preview"]["const"]
        self.responses = {key: answer or yes("", self.reference)}
        self.state = asked.request_state

    @classmethod
    async def first(cls, client: Client, **answer: Any) -> Round:
        asked = await client.session.call_tool("set_count", CALL, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        return cls(asked, **answer)

    async def send(self, client: Client, **arguments: Any) -> CallToolResult | InputRequiredResult:
        return await client.session.call_tool(
            "set_count",
            {**CALL, **arguments},
            input_responses=self.responses,
            request_state=self.state,
            allow_input_required=True,
        )


async def test_an_answer_sent_three_times_changes_the_counter_once(server: Server, toy: Toy):
    """A client may resend its last round for ten minutes."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        first, *others = [await last.send(client) for _ in range(3)]

    assert not first.is_error
    assert toy.backend.writes() == [(6, "")]
    assert [error_type(other) for other in others] == ["PreviewUsed", "PreviewUsed"]
    assert all("already used" in text(other) for other in others)


async def test_four_answers_at_once_change_the_counter_once(server: Server, toy: Toy):
    """The race is decided by one SQL statement, not by who looked first."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        results = await asyncio.gather(*(last.send(client) for _ in range(4)))

    assert toy.backend.writes() == [(6, "")]
    assert sorted(result.is_error for result in results) == [False, True, True, True]


async def test_an_equal_call_made_again_needs_an_approval_of_its_own(server: Server, toy: Toy):
    """After 3 -> 6 and back, 3 -> 6 has the same digest; the old yes must not carry it."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        await last.send(client)
        toy.backend.move("checkout", 3)
        fresh = await Round.first(client)
        again = await last.send(client)

    assert fresh.reference.partition(".")[0] == last.reference.partition(".")[0]
    assert error_type(again) == "PreviewUsed"
    assert toy.backend.writes() == [(6, "")]


async def test_an_answer_counts_only_for_the_arguments_it_was_asked_for(server: Server, toy: Toy):
    """The last round carries the arguments again, and they can be edited."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        with pytest.raises(Exception, match="(?i)request.?state"):
            await last.send(client, value=99)

    assert toy.backend.writes() == []


async def test_a_later_round_asks_about_the_same_preview(server: Server, toy: Toy):
    """A preview that changed with every round would be asked about for ever."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        last.responses = {}
        again = await last.send(client)

    assert isinstance(again, InputRequiredResult)
    assert Round(again).reference == last.reference


async def test_two_people_with_the_same_call_are_each_asked_once(server: Server, toy: Toy):
    """Two notebooks propose the same change: the second yes finds the state moved, not a question without end."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        one, two = await Round.first(client), await Round.first(client)
        done, late = await one.send(client), await two.send(client)

    assert not done.is_error
    assert error_type(late) == "PreviewStale"
    assert toy.backend.writes() == [(6, "")]


async def test_a_no_stands_although_another_preview_was_made_meanwhile(server: Server, toy: Toy):
    """Declining must end the call, not lead to the next question."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client, answer=ElicitResult(action="decline"))
        await Round.first(client)
        result = await last.send(client)

    assert error_type(result) == "NotApproved"
    assert toy.backend.writes() == []


async def test_two_processes_with_one_store_carry_an_approval_out_once(tmp_path: Path):
    """Behind a load balancer the rounds of one call, and its replays, reach different workers."""
    toy = Toy(tmp_path)
    with http(tmp_path) as here, http(tmp_path) as there:
        async with (
            Client(here, elicitation_callback=Person()) as one,
            Client(there, elicitation_callback=Person()) as two,
        ):
            last = await Round.first(one)
            results = await asyncio.gather(*(last.send(client) for client in (one, two, one, two)))
            kept = Preview.from_dict(await read_json(two, f"preview://{last.reference}"))

    assert toy.backend.writes() == [(6, "")]
    assert [result.is_error for result in results].count(False) == 1
    assert {error_type(result) for result in results if result.is_error} <= {"PreviewUsed"}
    assert kept.outcome
    assert kept.outcome.status == "applied"


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
    import json

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
    answered = await person(None, _params(asked["params"]))
    await say(id=asked["id"], result={"action": answered.action, "content": answered.content})
    await until((folder / "writing").exists)
    process.send_signal(number)
    if number is not signal.SIGKILL:
        await asyncio.sleep(0.1)
        assert process.returncode is None
        (folder / "gate").touch()
    rest = await stdout.read()
    return await process.wait(), rest


async def test_a_server_that_was_killed_while_writing_leaves_an_unknown_outcome(tmp_path: Path, server: Server):
    """After `kill -9` nobody knows whether the write arrived, and the store must not say that it is still on its way."""
    toy, person = Toy(tmp_path), Person()
    (tmp_path / "closed").touch()
    code, _ = await killed_while_writing(tmp_path, person, signal.SIGKILL)

    kept = await server.preview(person.references[0])
    assert code == -signal.SIGKILL
    assert toy.backend.writes() == []
    assert kept
    assert kept.outcome
    assert kept.outcome.status == "unknown"
    assert "read Counter shop/checkout back" in kept.outcome.message


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


def test_what_is_kept_can_be_read_by_its_owner_only(tmp_path: Path):
    """Previews tell of clusters, and the state folder may lie in a shared home."""
    toy = Toy(tmp_path)
    server = _served(toy)
    asyncio.run(_previewed(server))

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


async def until(holds: Any) -> None:
    """Wait until something holds; the test's own time limit is the deadline."""
    while not holds():
        await asyncio.sleep(0.02)


async def settled(client: Client, reference: str) -> Any:
    while (kept := await read_json(client, f"preview://{reference}"))["outcome"] is None:
        await asyncio.sleep(0.02)
    return kept


async def settled_here(server: Server, reference: str) -> Preview:
    while (kept := await server.preview(reference)) is None or kept.outcome is None:
        await asyncio.sleep(0.02)
    return kept


def _params(data: dict[str, Any]) -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(message=data["message"], requested_schema=data["requestedSchema"])


def _served(toy: Toy) -> Server:
    from tests.servers_base.toy import serve, settings

    return serve(toy, settings(toy.backend.folder))


async def _previewed(server: Server) -> None:
    async with Client(server.mcp) as client:
        await client.call_tool("preview_change", {"tool": "set_count", "arguments": CALL})
