"""One approval, one change: however often, by whomever and wherever the answer is sent.

In the 2026 protocol a call ends with a question and comes again with the answer; that last round can be sent again
for ten minutes. Found by replaying one: without a store, the same change was made three times.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitResult, InputRequiredResult

from codenb.models import Preview
from codenb.servers._base import Server
from tests.servers_base.people import Person, error_type, http, read_json, text, yes
from tests.servers_base.toy import Toy

Call = tuple[str, dict[str, Any]]

SET: Call = ("set_count", {"name": "checkout", "value": 6})
RESTART: Call = ("restart", {"name": "checkout"})
"""Before and after are the same each time, so that nothing but the store stands against a second one."""


class Round:
    """The last round of an approved call, as it goes over the wire."""

    def __init__(self, asked: InputRequiredResult, call: Call = SET, answer: ElicitResult | None = None) -> None:
        self.tool, self.arguments = call
        ((key, request),) = asked.input_requests.items()
        self.reference = request.params.requested_schema["properties"]["preview"]["const"]
        self.responses = {key: answer or yes("", self.reference)}
        self.state = asked.request_state

    @classmethod
    async def first(cls, client: Client, call: Call = SET, answer: ElicitResult | None = None) -> Round:
        tool, arguments = call
        asked = await client.session.call_tool(tool, arguments, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        return cls(asked, call, answer)

    async def send(self, client: Client, **arguments: Any) -> CallToolResult | InputRequiredResult:
        return await client.session.call_tool(
            self.tool,
            {**self.arguments, **arguments},
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


@pytest.mark.parametrize("call", [SET, RESTART])
async def test_four_answers_at_once_change_the_counter_once(server: Server, toy: Toy, call: Call):
    """The race is decided by one SQL statement, not by who looked first."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client, call)
        results = await asyncio.gather(*(last.send(client) for _ in range(4)))

    assert len(toy.backend.writes()) == 1
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
        with pytest.raises(Exception, match=r"(?i)request.?state"):
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


@pytest.mark.parametrize("call", [SET, RESTART])
async def test_two_processes_with_one_store_carry_an_approval_out_once(tmp_path: Path, call: Call):
    """Behind a load balancer the rounds of one call, and its replays, reach different workers."""
    toy = Toy(tmp_path)
    with http(tmp_path) as here, http(tmp_path) as there:
        async with (
            Client(here, elicitation_callback=Person()) as one,
            Client(there, elicitation_callback=Person()) as two,
        ):
            last = await Round.first(one, call)
            results = await asyncio.gather(*(last.send(client) for client in (one, two, one, two)))
            kept = Preview.from_dict(await read_json(two, f"preview://{last.reference}"))

    assert len(toy.backend.writes()) == 1
    assert [result.is_error for result in results].count(False) == 1
    assert {error_type(result) for result in results if result.is_error} <= {"PreviewUsed"}
    assert kept.outcome
    assert kept.outcome.status == "applied"
